/** Requests and answers whose bodies pass under a bandwidth limit, by policy. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../telemetry/metric-registry.ts";

export interface BandwidthMetrics {
  requestsOf(policy: string): Counter;
  responsesOf(policy: string): Counter;
}

export function createBandwidthMetrics(registry: MetricRegistry): BandwidthMetrics {
  return {
    requestsOf: byPolicy(
      registry.counter(
        "tulle_bandwidth_limited_requests_total",
        "Requests whose bodies came under a bandwidth limit, by policy.",
      ),
    ),
    responsesOf: byPolicy(
      registry.counter(
        "tulle_bandwidth_limited_responses_total",
        "Responses whose bodies left under a bandwidth limit, by policy.",
      ),
    ),
  };
}

function byPolicy(source: SeriesSource<Counter>): (policy: string) => Counter {
  const known = new Map<string, Counter>();
  return (policy) => {
    let counter = known.get(policy);
    if (counter === undefined) {
      counter = source.with({ policy });
      if (known.size < METRIC_SERIES_MAX) known.set(policy, counter);
    }
    return counter;
  };
}
