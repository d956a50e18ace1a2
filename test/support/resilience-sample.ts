/** Time limits, retries and circuit breakers of the sample bootstrap file. */
import type { JsonObject } from "@bufbuild/protobuf";

export const RETRY_POLICY: JsonObject = {
  retry_on: "retriable-status-codes,retriable-headers",
  num_retries: 2,
  per_try_timeout: "0.5s",
  per_try_idle_timeout: "0.4s",
  retry_host_predicate: [
    {
      name: "envoy.retry_host_predicates.previous_hosts",
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
      },
    },
  ],
  host_selection_retry_max_attempts: "3",
  retriable_status_codes: [503],
  retriable_headers: [{ name: "x-retry", present_match: true }],
  retriable_request_headers: [{ name: ":method", exact_match: "GET" }],
  retry_back_off: { base_interval: "0.1s", max_interval: "1s" },
  rate_limited_retry_back_off: {
    reset_headers: [
      { name: "retry-after", format: "SECONDS" },
      { name: "x-ratelimit-reset", format: "UNIX_TIMESTAMP" },
    ],
    max_interval: "10s",
  },
};

/** Of a route. */
export const ROUTE_LIMITS: JsonObject = {
  hedge_policy: {
    initial_requests: 1,
    additional_request_chance: { numerator: 0 },
    hedge_on_per_try_timeout: true,
  },
  max_stream_duration: {
    max_stream_duration: "60s",
    grpc_timeout_header_max: "30s",
    grpc_timeout_header_offset: "0.01s",
  },
  priority: "HIGH",
};

export const VIRTUAL_HOST_DEFAULTS: JsonObject = {
  retry_policy: { retry_on: "connect-failure" },
  hedge_policy: { hedge_on_per_try_timeout: false },
  request_mirror_policies: [{ cluster: "contained" }],
  include_request_attempt_count: true,
  include_attempt_count_in_response: true,
};

export const URGENT_THRESHOLDS: JsonObject = {
  priority: "HIGH",
  max_connections: 10,
  retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 },
  track_remaining: true,
};

export const TCP_KEEPALIVE: JsonObject = {
  tcp_keepalive: { keepalive_probes: 3, keepalive_time: 60, keepalive_interval: 10 },
};
