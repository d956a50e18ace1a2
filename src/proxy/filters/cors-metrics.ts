/** Requests with an Origin, by whether their route's CORS policy allows it. */
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface CorsMetrics {
  readonly allowed: Counter;
  readonly refused: Counter;
}

export function createCorsMetrics(registry: MetricRegistry): CorsMetrics {
  const requests = registry.counter(
    "tulle_cors_requests_total",
    "Requests of other origins to routes with a CORS policy, by whether it allows the origin.",
  );
  return {
    allowed: requests.with({ origin: "allowed" }),
    refused: requests.with({ origin: "refused" }),
  };
}
