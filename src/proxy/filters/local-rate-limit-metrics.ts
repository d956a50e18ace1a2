/** What rate limits do, by policy and rule. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface RateLimitCounters {
  readonly allowed: Counter;
  /** Turned away. */
  readonly limited: Counter;
  /** Would have been turned away if the limit were enforced. */
  readonly observed: Counter;
}

export interface RateLimitMetrics {
  countersOf(policy: string, rule: string): RateLimitCounters;
}

export function createRateLimitMetrics(registry: MetricRegistry): RateLimitMetrics {
  const requests = registry.counter(
    "tulle_ratelimit_requests_total",
    "Requests that a rate limit counted, by policy, rule and what became of them.",
  );
  // Limits of each connection by itself ask for them often.
  const known = new Map<string, RateLimitCounters>();
  return {
    countersOf: (policy, rule) => {
      const key = `${policy}\n${rule}`;
      let counters = known.get(key);
      if (counters === undefined) {
        counters = {
          allowed: requests.with({ policy, rule, result: "allowed" }),
          limited: requests.with({ policy, rule, result: "limited" }),
          observed: requests.with({ policy, rule, result: "observed" }),
        };
        if (known.size < METRIC_SERIES_MAX) known.set(key, counters);
      }
      return counters;
    },
  };
}
