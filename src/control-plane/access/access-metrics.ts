/** What the admin API's door counts. */
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../telemetry/metric-registry.ts";

export interface AccessMetrics {
  /** Label `method`: none, token, oidc, certificate. */
  readonly failed: SeriesSource<Counter>;
  /** Label `method`: anonymous, token, oidc, certificate, unix-socket. */
  readonly denied: SeriesSource<Counter>;
  readonly limited: Counter;
}

export function createAccessMetrics(registry: MetricRegistry): AccessMetrics {
  return {
    failed: registry.counter(
      "tulle_admin_authentication_failures_total",
      "Requests to the admin API that did not prove who sent them, by method: none, token, oidc, certificate.",
    ),
    denied: registry.counter(
      "tulle_admin_access_denied_total",
      "Requests to the admin API that their sender's role does not allow, by how the sender was authenticated.",
    ),
    limited: registry
      .counter(
        "tulle_admin_rate_limited_total",
        "Requests to the admin API that were refused because their sender asks too often.",
      )
      .with({}),
  };
}
