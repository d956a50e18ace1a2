/** What one look at a gate gives: a figure and whether it passes, or why there is none. Pure. */
import type { GateVerdict, RolloutGateStatus } from "../../resource/kinds/rollout-status.ts";
import { type Gate, thresholdText, valueText } from "./rollout-plan.ts";
import { percentileMs, type VersionTraffic } from "./version-traffic.ts";

export interface GateReading {
  readonly verdict: GateVerdict;
  /** For people: `99.6 %`, or why there is no figure. */
  readonly value: string;
  /** The same as a number; absent where there is none. */
  readonly figure?: number;
}

/** What Prometheus answered: a number, or what went wrong. */
export type QueryAnswer = { readonly value: number } | { readonly error: string };

/** Judges a gate on the canary's requests since the last look that had enough of them. */
export function readGate(
  gate: Gate,
  canary: VersionTraffic,
  minRequests: number,
  answerOf: (gate: Gate) => QueryAnswer | undefined,
): GateReading {
  if (gate.measure.kind === "prometheus") {
    const answer = answerOf(gate);
    if (answer === undefined) return inconclusive("not asked yet");
    return "error" in answer ? inconclusive(answer.error) : judge(gate, answer.value);
  }
  const { requests, failures } = canary;
  if (requests < minRequests) return inconclusive(`${requests} of ${minRequests} requests`);
  if (gate.measure.kind === "success-rate") {
    return judge(gate, (100 * (requests - failures)) / requests);
  }
  return judge(gate, percentileMs(canary, gate.measure.percentile));
}

function judge(gate: Gate, value: number): GateReading {
  // NaN compares false with everything: a query that divides by zero does not pass, and does not fail either.
  if (Number.isNaN(value)) return inconclusive("no number");
  const passes =
    (gate.min === undefined || value >= gate.min) && (gate.max === undefined || value <= gate.max);
  const verdict = passes ? "Passed" : "Failed";
  return { verdict, value: valueText(gate, value), figure: value };
}

function inconclusive(value: string): GateReading {
  return { verdict: "Inconclusive", value };
}

/** The gate's status after one more look. */
export function afterReading(
  gate: Gate,
  before: RolloutGateStatus | undefined,
  reading: GateReading,
): RolloutGateStatus {
  // Too few requests since the last figure say nothing against that figure.
  if (
    reading.verdict === "Inconclusive" &&
    before !== undefined &&
    before.verdict !== "Inconclusive"
  ) {
    return before;
  }
  const { verdict, value } = reading;
  return {
    name: gate.name,
    threshold: thresholdText(gate),
    verdict,
    value,
    passed: (before?.passed ?? 0) + Number(verdict === "Passed"),
    failed: (before?.failed ?? 0) + Number(verdict === "Failed"),
  };
}
