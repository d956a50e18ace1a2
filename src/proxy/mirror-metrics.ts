/** What became of the copies of requests that routes send to mirror clusters. */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

export interface MirrorMetrics {
  readonly answered: Counter;
  readonly failed: Counter;
  /** The mirror cluster is unknown or has no endpoint. */
  readonly noEndpoint: Counter;
  /** A circuit breaker of the mirror cluster is open. */
  readonly overflow: Counter;
  /** The mirror took the body more slowly than it came, beyond what may wait. */
  readonly tooSlow: Counter;
}

export function createMirrorMetrics(registry: MetricRegistry): MirrorMetrics {
  const requests = registry.counter(
    "tulle_mirrored_requests_total",
    "Copies of requests for mirror clusters, by what became of them.",
  );
  return {
    answered: requests.with({ result: "answered" }),
    failed: requests.with({ result: "failed" }),
    noEndpoint: requests.with({ result: "no_endpoint" }),
    overflow: requests.with({ result: "overflow" }),
    tooSlow: requests.with({ result: "too_slow" }),
  };
}
