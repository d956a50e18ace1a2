/** A Rollout as the admin API shows it: the spec as the steps that are gone through, beside the state. Pure. */
import type { Rollout, RolloutSpec } from "../../resource/kinds/rollout.ts";
import type { RolloutLook, RolloutStrategyName, RolloutView } from "../rollout-types.ts";
import { planRollout, unitOf } from "./rollout-plan.ts";

export function rolloutView(rollout: Rollout, looks: readonly RolloutLook[]): RolloutView {
  const { metadata, spec, status } = rollout;
  const { namespace, name } = metadata;
  const plan = planRollout(spec, namespace);
  return {
    namespace,
    name,
    target: spec.targetRef.name,
    strategy: strategyOf(spec),
    steps: plan.steps.map(({ title, weight, isPreviewed, pauseMs, gates }) => ({
      ...{ title, weight, isPreviewed },
      pauseSeconds: pauseMs === undefined ? null : pauseMs / 1000,
      gates: gates.map((gate) => ({
        name: gate.name,
        min: gate.min ?? null,
        max: gate.max ?? null,
        unit: unitOf(gate),
      })),
    })),
    intervalSeconds: plan.intervalMs / 1000,
    failureLimit: plan.failureLimit,
    minRequests: plan.minRequests,
    progressDeadlineSeconds: plan.progressDeadlineMs / 1000,
    problems: (status?.conditions ?? [])
      .filter((one) => one.type === "Warnings" || one.status !== "True")
      .map(({ type, message }) => ({ type, message })),
    state: status?.rollout ?? null,
    looks,
  };
}

function strategyOf({ strategy }: RolloutSpec): RolloutStrategyName {
  if (strategy.canary !== undefined) return "canary";
  return strategy.blueGreen === undefined ? "abTest" : "blueGreen";
}
