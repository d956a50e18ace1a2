/** What authorization services said about requests and connections, by the provider that was asked. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { Histogram } from "../../telemetry/histogram.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface ExtAuthzCounters {
  readonly ok: Counter;
  readonly denied: Counter;
  /** No answer, or one that is none. */
  readonly error: Counter;
  /** Of these, what went on all the same. */
  readonly failureModeAllowed: Counter;
  /** An answer with malformed fields, which nobody gets. */
  readonly invalid: Counter;
  /** Was not to be asked about. */
  readonly disabled: Counter;
  /** Between question and answer, in milliseconds. */
  readonly durationMs: Histogram;
}

export interface ExtAuthzMetrics {
  countersOf(provider: string): ExtAuthzCounters;
}

export function createExtAuthzMetrics(registry: MetricRegistry): ExtAuthzMetrics {
  const checks = registry.counter(
    "tulle_ext_authz_checks_total",
    "Requests and TCP connections that an authorization service was to be asked about, by provider and what came of it; failure_mode_allowed are among the errors.",
  );
  const durations = registry.histogram(
    "tulle_ext_authz_duration_milliseconds",
    "How long authorization services took to answer.",
  );
  const known = new Map<string, ExtAuthzCounters>();
  return {
    countersOf: (provider) => {
      let counters = known.get(provider);
      if (counters === undefined) {
        counters = {
          ok: checks.with({ provider, result: "ok" }),
          denied: checks.with({ provider, result: "denied" }),
          error: checks.with({ provider, result: "error" }),
          failureModeAllowed: checks.with({ provider, result: "failure_mode_allowed" }),
          invalid: checks.with({ provider, result: "invalid" }),
          disabled: checks.with({ provider, result: "disabled" }),
          durationMs: durations.with({ provider }),
        };
        if (known.size < METRIC_SERIES_MAX) known.set(provider, counters);
      }
      return counters;
    },
  };
}
