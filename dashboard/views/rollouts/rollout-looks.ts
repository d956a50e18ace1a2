/** How phases, steps, verdicts and events of rollouts are shown, and what a state amounts to. */
import type { RolloutEvent, RolloutState } from "../../../src/control-plane/rollout-types.ts";
import type { StateLook } from "../../core/health.ts";

export type Phase = RolloutState["phase"];

/** Those that want somebody come first. */
export const PHASES: readonly Phase[] = [
  "RolledBack",
  "Paused",
  "Progressing",
  "Pending",
  "Succeeded",
];

export const PHASE: Readonly<Record<Phase, StateLook>> = {
  RolledBack: { word: "Rolled back", shape: "square", tone: "bad", rank: 0 },
  Paused: { word: "Paused", shape: "triangle", tone: "warn", rank: 1 },
  Progressing: { word: "Progressing", shape: "ring", tone: "info", rank: 2 },
  Pending: { word: "Pending", shape: "dashed", tone: "idle", rank: 3 },
  Succeeded: { word: "Succeeded", shape: "circle", tone: "ok", rank: 4 },
};

export type Verdict = RolloutState["gates"][number]["verdict"];

export const VERDICT: Readonly<Record<Verdict, StateLook>> = {
  Failed: { word: "Failed", shape: "square", tone: "bad", rank: 0 },
  Inconclusive: { word: "No verdict yet", shape: "dashed", tone: "warn", rank: 1 },
  Passed: { word: "Passed", shape: "circle", tone: "ok", rank: 2 },
};

export const STRATEGY = {
  canary: "Canary",
  blueGreen: "Blue/green",
  abTest: "A/B test",
} as const;

/** Each stands before the message of its event. */
export const EVENT: Readonly<
  Record<RolloutEvent["reason"], Pick<StateLook, "word" | "shape" | "tone">>
> = {
  Started: { word: "Started", shape: "ring", tone: "info" },
  StepStarted: { word: "Went on to", shape: "ring", tone: "info" },
  Paused: { word: "Paused", shape: "triangle", tone: "warn" },
  Resumed: { word: "Resumed", shape: "ring", tone: "info" },
  Promoted: { word: "Promoted", shape: "circle", tone: "info" },
  Succeeded: { word: "Succeeded", shape: "circle", tone: "ok" },
  GateFailed: { word: "Rolled back: a gate failed", shape: "square", tone: "bad" },
  CanaryUnavailable: { word: "Rolled back: the canary is gone", shape: "square", tone: "bad" },
  ProgressDeadlineExceeded: {
    word: "Rolled back: it took too long",
    ...{ shape: "square", tone: "bad" },
  },
  Aborted: { word: "Rolled back", shape: "square", tone: "bad" },
  Undone: { word: "Rolled back", shape: "square", tone: "bad" },
  Replaced: { word: "Replaced", shape: "triangle", tone: "warn" },
  StableNotLive: { word: "Cannot start", shape: "triangle", tone: "warn" },
};

/** Without the command that a button stands for here. */
export function messageOf({ message }: RolloutState): string {
  return message.replace(/: tulle rollout promote$/, "");
}

export function isOver({ phase }: RolloutState): boolean {
  return phase === "Succeeded" || phase === "RolledBack";
}

/** Shares of this step as callers' sidecars counted them, 0 to 1; null without a request. */
export function observedShare({ traffic }: RolloutState, role: "stable" | "canary"): number | null {
  const total = traffic.stable.requests + traffic.canary.requests;
  return total === 0 ? null : traffic[role].requests / total;
}

/** Events of the present run, oldest first. */
export function eventsOfRun({ events }: RolloutState): readonly RolloutEvent[] {
  const start = events.findLastIndex(({ reason }) => reason === "Started");
  return events.slice(Math.max(0, start));
}

/** Who began the run; undefined when the object itself did. */
export function startedBy(state: RolloutState): string | undefined {
  return eventsOfRun(state).find(({ reason }) => reason === "Started")?.by;
}

/** The gate that one should look at: one that failed, else one that has not passed; undefined when all have. */
export function openGate({ gates }: RolloutState): RolloutState["gates"][number] | undefined {
  return (
    gates.find(({ verdict }) => verdict === "Failed") ??
    gates.find(({ verdict }) => verdict !== "Passed")
  );
}
