/** Routes with time limits, retries, hedging and priorities, for cases under `corpus/resilience.ts`. */
import type { JsonObject } from "@bufbuild/protobuf";

type Json = JsonObject;

const to = (prefix: string, route: Json, cluster = "alpha"): Json => ({
  match: { prefix },
  route: { cluster, ...route },
});
const retry = (retry_on: string, more: Json = {}): Json => ({
  retry_policy: {
    retry_on,
    num_retries: 2,
    retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
    ...more,
  },
});
const exact = (name: string, value: string): Json => ({ name, string_match: { exact: value } });

const ROUTES: Json[] = [
  to("/4xx", retry("retriable-4xx")),
  to("/rate-limited", retry("5xx,envoy-ratelimited")),
  to("/not-rate-limited", retry("5xx")),
  to("/header-value", retry("retriable-headers", { retriable_headers: [exact("x-busy", "yes")] })),
  to("/only-gets", retry("5xx", { retriable_request_headers: [exact(":method", "GET")] })),
  to(
    "/reset-header",
    retry("5xx", {
      rate_limited_retry_back_off: { reset_headers: [{ name: "retry-after", format: "SECONDS" }] },
    }),
  ),
  to("/previous-hosts", {
    ...retry("5xx", {
      retry_host_predicate: [
        {
          name: "envoy.retry_host_predicates.previous_hosts",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
          },
        },
      ],
      host_selection_retry_max_attempts: "5",
    }),
  }),
  to("/try-idle", { timeout: "5s", ...retry("reset", { per_try_idle_timeout: "0.3s" }) }),
  to("/try-longer-than-all", { timeout: "0.4s", ...retry("5xx", { per_try_timeout: "2s" }) }),
  to("/hedged", {
    timeout: "3s",
    ...retry("5xx", { per_try_timeout: "0.3s", num_retries: 1 }),
    hedge_policy: { hedge_on_per_try_timeout: true },
  }),
  to("/duration", { max_stream_duration: { max_stream_duration: "0.3s" } }),
  to("/duration-of-grpc", {
    max_stream_duration: { grpc_timeout_header_max: "0.4s", grpc_timeout_header_offset: "0.1s" },
  }),
  to("/deadline-of-grpc", { max_grpc_timeout: "10s", ...retry("unavailable") }),
  to("/deadline-with-offset", { max_grpc_timeout: "0s", grpc_timeout_offset: "1s" }),
  to("/urgent-but-full", { priority: "HIGH" }, "half-full"),
  to("/half-full", {}, "half-full"),
  to("/too-many-retries", retry("5xx"), "no-retries"),
];

/** The virtual hosts of the listener `resilience`. */
export const resilienceVirtualHosts: Json[] = [
  {
    name: "attempts",
    domains: ["attempts.example"],
    include_request_attempt_count: true,
    include_attempt_count_in_response: true,
    ...retry("5xx"),
    routes: [to("/dead", retry("connect-failure"), "dead"), to("/empty", {}, "empty"), to("/", {})],
  },
  { name: "all", domains: ["*"], routes: [...ROUTES, to("/", {})] },
];

/** Listeners whose clients are trusted to ask for things. */
export const TRUSTING: Json = {
  internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
};

export const RESILIENCE_CLUSTERS: Readonly<Record<string, Json>> = {
  "half-full": {
    circuit_breakers: {
      thresholds: [{}, { priority: "HIGH", max_requests: 0, max_pending_requests: 0 }],
    },
  },
  "no-retries": { circuit_breakers: { thresholds: [{ max_retries: 0 }] } },
};
