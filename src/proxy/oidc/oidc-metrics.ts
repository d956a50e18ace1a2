/** What became of logins. */
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface OidcMetrics {
  /** Browsers sent to the provider, and clients that got 401. */
  readonly begun: Counter;
  readonly denied: Counter;
  readonly completed: Counter;
  readonly failed: Counter;
  readonly refreshed: Counter;
  readonly refreshFailed: Counter;
  readonly loggedOut: Counter;
}

export function createOidcMetrics(registry: MetricRegistry): OidcMetrics {
  const logins = registry.counter(
    "tulle_oidc_logins_total",
    "Logins at a gateway, by what became of them.",
  );
  return {
    begun: logins.with({ event: "begun" }),
    denied: logins.with({ event: "denied" }),
    completed: logins.with({ event: "completed" }),
    failed: logins.with({ event: "failed" }),
    refreshed: logins.with({ event: "refreshed" }),
    refreshFailed: logins.with({ event: "refresh_failed" }),
    loggedOut: logins.with({ event: "logged_out" }),
  };
}
