/** Traffic policies as a control plane writes them for Envoy: everything on, nothing that ever acts. */
import { authorizationFilters } from "./authorization.ts";
import { tokenFilter } from "./user-token.ts";
import type { Variant } from "./variants.ts";

const LOCAL_RATE_LIMIT =
  "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
const PREVIOUS_HOSTS =
  "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";

/** More than any proxy answers in a second: the bucket is counted down, and never empties. */
const TOKENS = 1_000_000_000;
/** Above any number of connections that is measured, so that no circuit breaker opens. */
const UNLIMITED = 100_000;
/** Envoy's own limit. No load here reaches it. */
const BREAKER_LIMIT = 1_024;
const ALWAYS = { default_value: { numerator: 100 } };

/** What the action of a route says besides its cluster. */
export function routePolicies({ policies }: Variant): object {
  if (policies === "off") return {};
  return {
    timeout: "15s",
    retry_policy: {
      retry_on:
        "connect-failure,refused-stream,reset,gateway-error,unavailable,retriable-status-codes",
      retriable_status_codes: [503],
      num_retries: 2,
      per_try_timeout: "5s",
      retry_host_predicate: [
        {
          name: "envoy.retry_host_predicates.previous_hosts",
          typed_config: { "@type": PREVIOUS_HOSTS },
        },
      ],
      host_selection_retry_max_attempts: 5,
    },
  };
}

/** The filters before the router. */
export function filterPolicies({ policies, token, authorization }: Variant): readonly object[] {
  if (authorization === "on") return authorizationFilters();
  if (token === "verified") return [tokenFilter()];
  if (policies === "off") return [];
  const tells = { enable_x_ratelimit_headers: "DRAFT_VERSION_03", enable_retry_after_header: true };
  return [
    {
      name: "envoy.filters.http.local_ratelimit",
      typed_config: {
        "@type": LOCAL_RATE_LIMIT,
        stat_prefix: "bench",
        token_bucket: { max_tokens: TOKENS, tokens_per_fill: TOKENS, fill_interval: "1s" },
        ...{ filter_enabled: ALWAYS, filter_enforced: ALWAYS },
        ...(policies === "told" ? tells : {}),
      },
    },
  ];
}

/** What the cluster says of failing endpoints. */
export function clusterPolicies({ policies }: Variant): object {
  if (policies === "off") return {};
  return {
    outlier_detection: {
      ...{ consecutive_5xx: 5, consecutive_gateway_failure: 5 },
      ...{ enforcing_consecutive_gateway_failure: 100, max_ejection_percent: 50 },
      ...{ split_external_local_origin_errors: true, consecutive_local_origin_failure: 5 },
      ...{ interval: "10s", base_ejection_time: "30s" },
    },
  };
}

/** The circuit breakers of the cluster. */
export function thresholdOf({ policies }: Variant): object {
  const limit = policies === "off" ? UNLIMITED : BREAKER_LIMIT;
  const limits = { max_connections: limit, max_pending_requests: limit, max_requests: limit };
  if (policies === "off") return limits;
  const budget = { budget_percent: { value: 20 }, min_retry_concurrency: 3 };
  return { ...limits, retry_budget: budget };
}
