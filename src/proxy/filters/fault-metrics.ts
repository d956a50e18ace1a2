/** Faults that were injected, and those that a limit forbade. */
import type { Counter, Gauge } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface FaultMetrics {
  readonly delays: Counter;
  readonly aborts: Counter;
  readonly resets: Counter;
  readonly rateLimits: Counter;
  /** Not injected, because `max_active_faults` were active. */
  readonly overflows: Counter;
  /** Requests that are delayed, or whose answer is slowed down. */
  readonly active: Gauge;
}

export function createFaultMetrics(registry: MetricRegistry): FaultMetrics {
  const injected = registry.counter(
    "tulle_faults_injected_total",
    "Faults injected into requests, by what was done to them.",
  );
  return {
    delays: injected.with({ type: "delay" }),
    aborts: injected.with({ type: "abort" }),
    resets: injected.with({ type: "reset" }),
    rateLimits: injected.with({ type: "response_rate_limit" }),
    overflows: registry
      .counter(
        "tulle_faults_overflow_total",
        "Faults that were not injected because as many as allowed were active.",
      )
      .with({}),
    active: registry
      .gauge("tulle_faults_active", "Requests that a fault delays or slows down at the moment.")
      .with({}),
  };
}
