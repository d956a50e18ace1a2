/** A Rollout's spec as steps: the three strategies become one list, so that one state machine runs them all. Pure. */
import { durationMs, formatDuration } from "../../resource/duration.ts";
import type { RolloutSpec } from "../../resource/kinds/rollout.ts";

export interface RolloutPlan {
  readonly stableService: string;
  readonly canaryService: string;
  readonly steps: readonly PlanStep[];
  readonly intervalMs: number;
  readonly failureLimit: number;
  /** Requests of the canary that a look needs. */
  readonly minRequests: number;
  /** How long it waits for instances, or past a step's end for requests. */
  readonly progressDeadlineMs: number;
  readonly isPaused: boolean;
}

export interface PlanStep {
  /** What happens, for people: `10 % to catalog-v2`. */
  readonly title: string;
  /** The canary's share in percent. */
  readonly weight: number;
  /** Chosen users go to the canary, whatever the weight is. */
  readonly isPreviewed: boolean;
  /** Undefined: until somebody promotes. */
  readonly pauseMs: number | undefined;
  /** Empty where nobody reaches the canary. */
  readonly gates: readonly Gate[];
}

export interface Gate {
  readonly name: string;
  readonly measure: GateMeasure;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export type GateMeasure =
  | { readonly kind: "success-rate" }
  | { readonly kind: "latency"; readonly percentile: number }
  | { readonly kind: "prometheus"; readonly address: string; readonly query: string };

const PERCENTILE_DEFAULT = 99;

type Metric = RolloutSpec["analysis"]["metrics"][number];
type Names = Readonly<Record<"namespace" | "target" | "stable" | "canary", string>>;

export function planRollout(spec: RolloutSpec, namespace: string): RolloutPlan {
  const { stableService, canaryService, analysis } = spec;
  return {
    stableService,
    canaryService,
    steps: stepsOf(spec, namespace),
    intervalMs: durationMs(analysis.interval),
    failureLimit: analysis.failureLimit,
    minRequests: analysis.minRequests,
    progressDeadlineMs: durationMs(spec.progressDeadline),
    isPaused: spec.paused,
  };
}

function stepsOf(spec: RolloutSpec, namespace: string): readonly PlanStep[] {
  const { canary, blueGreen, abTest } = spec.strategy;
  const { stableService, canaryService, targetRef } = spec;
  const names = { namespace, target: targetRef.name, stable: stableService, canary: canaryService };
  const gates = gatesOf(spec.analysis.metrics, names);
  if (canary !== undefined) {
    return canary.steps.map((step) => ({
      title: `${step.setWeight} % to ${canaryService}`,
      weight: step.setWeight,
      isPreviewed: false,
      pauseMs: step.pause === undefined ? 0 : msOf(step.pause.duration),
      gates:
        step.setWeight === 0
          ? []
          : step.metrics === undefined
            ? gates
            : gatesOf(step.metrics, names),
    }));
  }
  if (blueGreen !== undefined) {
    return [
      {
        title: `${canaryService} is ready${blueGreen.preview === undefined ? "" : " for its preview"}`,
        weight: 0,
        isPreviewed: blueGreen.preview !== undefined,
        pauseMs: blueGreen.autoPromotionEnabled
          ? durationMs(blueGreen.autoPromotionDelay)
          : undefined,
        // Its few testers are no measure; the gates watch the switch.
        gates: [],
      },
      {
        title: `everything to ${canaryService}`,
        weight: 100,
        isPreviewed: false,
        pauseMs: durationMs(blueGreen.postPromotionDuration),
        gates,
      },
    ];
  }
  return [
    {
      title: `${abTest?.userHash === undefined ? "chosen users" : `${abTest.userHash.percent} % of the users`} to ${canaryService}`,
      weight: abTest?.userHash?.percent ?? 0,
      isPreviewed: abTest?.matches !== undefined,
      pauseMs: msOf(abTest?.duration),
      gates,
    },
  ];
}

function msOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : durationMs(text);
}

function gatesOf(metrics: readonly Metric[], names: Names): readonly Gate[] {
  return metrics.map((metric) => ({
    name:
      metric.name === "request-duration"
        ? `request-duration p${metric.percentile ?? PERCENTILE_DEFAULT}`
        : metric.name,
    measure: measureOf(metric, names),
    min: metric.thresholdRange.min,
    max: metric.thresholdRange.max,
  }));
}

function measureOf(metric: Metric, names: Names): GateMeasure {
  const prometheus = metric.provider?.prometheus;
  if (prometheus !== undefined) {
    const query = prometheus.query.replaceAll(
      /\{\{\s*(namespace|target|stable|canary)\s*\}\}/g,
      (_, name: keyof Names) => names[name],
    );
    return { kind: "prometheus", address: prometheus.address, query };
  }
  if (metric.name !== "request-duration") return { kind: "success-rate" };
  return { kind: "latency", percentile: metric.percentile ?? PERCENTILE_DEFAULT };
}

/** `at least 99 %`, `at most 300 ms`. */
export function thresholdText(gate: Gate): string {
  const unit = unitOf(gate);
  return [
    ...(gate.min === undefined ? [] : [`at least ${gate.min}${unit}`]),
    ...(gate.max === undefined ? [] : [`at most ${gate.max}${unit}`]),
  ].join(", ");
}

/** `99.6 %`, `31 ms`. */
export function valueText(gate: Gate, value: number): string {
  return `${Number(value.toFixed(2))}${unitOf(gate)}`;
}

/** What stands behind a figure of the gate. */
export function unitOf({ measure }: Gate): string {
  switch (measure.kind) {
    case "success-rate":
      return " %";
    case "latency":
      return " ms";
    case "prometheus":
      return "";
  }
}

/** `until promoted`, `for 1m`, `until the gates have passed`. */
export function pauseText({ pauseMs, gates }: PlanStep): string {
  if (pauseMs === undefined) return "until promoted";
  if (pauseMs > 0) return `for ${formatDuration(pauseMs)}`;
  return gates.length === 0 ? "for a moment" : "until the gates have passed";
}
