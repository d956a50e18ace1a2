/** What a rate limit service said about requests, by the domain of its limits. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface RateLimitServiceCounters {
  readonly ok: Counter;
  readonly overLimit: Counter;
  /** No answer, or one that is none. */
  readonly error: Counter;
  /** Of these, requests that went on all the same. */
  readonly failureModeAllowed: Counter;
}

export interface RateLimitServiceMetrics {
  countersOf(domain: string): RateLimitServiceCounters;
}

export function createRateLimitServiceMetrics(registry: MetricRegistry): RateLimitServiceMetrics {
  const requests = registry.counter(
    "tulle_ratelimit_service_requests_total",
    "Requests that a rate limit service was asked about, by domain and what came of it; failure_mode_allowed are among the errors.",
  );
  const known = new Map<string, RateLimitServiceCounters>();
  return {
    countersOf: (domain) => {
      let counters = known.get(domain);
      if (counters === undefined) {
        counters = {
          ok: requests.with({ domain, result: "ok" }),
          overLimit: requests.with({ domain, result: "over_limit" }),
          error: requests.with({ domain, result: "error" }),
          failureModeAllowed: requests.with({ domain, result: "failure_mode_allowed" }),
        };
        if (known.size < METRIC_SERIES_MAX) known.set(domain, counters);
      }
      return counters;
    },
  };
}
