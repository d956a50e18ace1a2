/** Answers whose bodies leave under a bandwidth limit, by policy. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface BandwidthMetrics {
  responsesOf(policy: string): Counter;
}

export function createBandwidthMetrics(registry: MetricRegistry): BandwidthMetrics {
  const responses = registry.counter(
    "tulle_bandwidth_limited_responses_total",
    "Responses whose bodies left under a bandwidth limit, by policy.",
  );
  const known = new Map<string, Counter>();
  return {
    responsesOf: (policy) => {
      let counter = known.get(policy);
      if (counter === undefined) {
        counter = responses.with({ policy });
        if (known.size < METRIC_SERIES_MAX) known.set(policy, counter);
      }
      return counter;
    },
  };
}
