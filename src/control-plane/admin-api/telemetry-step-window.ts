/** The steps of an answer of the telemetry store, with what is known of them. */
import type { TrafficAnswer } from "../telemetry/store/traffic-read.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { StepWindow } from "./telemetry-figures.ts";

export function stepWindow(answer: TrafficAnswer, { clock, telemetry }: AdminApiDeps): StepWindow {
  const { fromMs, toMs, stepMs } = answer;
  return { fromMs, toMs, stepMs, knownFromMs: telemetry.knownFromMs(), nowMs: clock.nowMs() };
}
