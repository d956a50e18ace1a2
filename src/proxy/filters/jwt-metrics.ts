/** What was made of users' tokens: by provider, which configuration bounds, and by one of few reasons. */
import { METRIC_SERIES_MAX } from "../../core/limits.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface JwtMetrics {
  /** Requests by what came of them. */
  readonly allowed: Counter;
  readonly denied: Counter;
  readonly preflights: Counter;
  ofProvider(name: string): JwtProviderCounters;
}

export interface JwtProviderCounters {
  readonly accepted: Counter;
  readonly cacheHits: Counter;
  readonly cacheMisses: Counter;
  /** `reason` is one of those in JWT_FAILURE. */
  refused(reason: string): Counter;
}

export function createJwtMetrics(registry: MetricRegistry): JwtMetrics {
  const requests = registry.counter(
    "tulle_jwt_requests_total",
    "Requests that were asked for a user's token, by whether they went on; preflights of browsers are not asked.",
  );
  const tokens = registry.counter(
    "tulle_jwt_tokens_total",
    "Tokens of users by provider and what was made of them: accepted, or the reason of the refusal.",
  );
  const lookups = registry.counter(
    "tulle_jwt_cache_lookups_total",
    "Tokens that were known already (hit) or had to be verified (miss), by provider.",
  );
  const known = new Map<string, JwtProviderCounters>();
  return {
    allowed: requests.with({ result: "allowed" }),
    denied: requests.with({ result: "denied" }),
    preflights: requests.with({ result: "preflight" }),
    ofProvider: (provider) => {
      let counters = known.get(provider);
      if (counters === undefined) {
        const refusals = new Map<string, Counter>();
        counters = {
          accepted: tokens.with({ provider, result: "accepted" }),
          cacheHits: lookups.with({ provider, result: "hit" }),
          cacheMisses: lookups.with({ provider, result: "miss" }),
          refused: (result) => {
            let counter = refusals.get(result);
            if (counter === undefined) {
              counter = tokens.with({ provider, result });
              refusals.set(result, counter);
            }
            return counter;
          },
        };
        if (known.size < METRIC_SERIES_MAX) known.set(provider, counters);
      }
      return counters;
    },
  };
}
