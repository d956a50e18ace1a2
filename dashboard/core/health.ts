/** How states are shown: by shape and by word, and by colour for those whom it helps. */
import type { HealthState } from "../../src/control-plane/telemetry-types.ts";

export type Shape = "circle" | "triangle" | "square" | "ring" | "dashed";
export type Tone = "ok" | "warn" | "bad" | "idle" | "info";

export interface StateLook {
  readonly word: string;
  readonly shape: Shape;
  readonly tone: Tone;
  /** The worst has the lowest. */
  readonly rank: number;
}

export const HEALTH: Readonly<Record<HealthState, StateLook>> = {
  failing: { word: "Failing", shape: "square", tone: "bad", rank: 0 },
  degraded: { word: "Degraded", shape: "triangle", tone: "warn", rank: 1 },
  unknown: { word: "Unknown", shape: "dashed", tone: "idle", rank: 2 },
  healthy: { word: "Healthy", shape: "circle", tone: "ok", rank: 3 },
  idle: { word: "Idle", shape: "ring", tone: "idle", rank: 4 },
};

/** In the order in which they are shown: the worst first. */
export const HEALTH_STATES: readonly HealthState[] = [
  "failing",
  "degraded",
  "unknown",
  "healthy",
  "idle",
];

export const SEVERITY: Readonly<Record<"error" | "warning" | "info", StateLook>> = {
  error: { word: "Error", shape: "square", tone: "bad", rank: 0 },
  warning: { word: "Warning", shape: "triangle", tone: "warn", rank: 1 },
  info: { word: "Note", shape: "ring", tone: "info", rank: 2 },
};

/** What a share of errors amounts to, by the bounds that the API has for services. */
export function toneOfErrors(errorRate: number | null): Tone {
  if (errorRate === null) return "idle";
  if (errorRate >= 0.1) return "bad";
  return errorRate >= 0.001 ? "warn" : "ok";
}
