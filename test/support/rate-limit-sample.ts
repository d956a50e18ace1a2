/** Limits of the sample bootstrap file: every field of rate limits, priority classes and adaptive concurrency. */
import type { JsonObject } from "@bufbuild/protobuf";
import { TYPE } from "./sample-parts.ts";

const FILTERS = `${TYPE}.extensions.filters.http`;
const BUCKET = { max_tokens: 100, tokens_per_fill: 10, fill_interval: "1s" };
const HEADER = { header: { key: "x-limited", value: "1" } };

const ACTIONS = [
  { generic_key: { descriptor_key: "rule", descriptor_value: "all" } },
  { request_headers: { header_name: "x-user", descriptor_key: "user" } },
  { query_parameters: { query_parameter_name: "page", descriptor_key: "page" } },
  { remote_address: {} },
  { masked_remote_address: { v4_prefix_mask_len: 16, v6_prefix_mask_len: 64 } },
  {
    header_value_match: {
      descriptor_key: "writes",
      descriptor_value: "yes",
      expect_match: false,
      headers: [{ name: ":method", string_match: { exact: "GET" } }],
    },
  },
  {
    query_parameter_value_match: {
      descriptor_key: "draft",
      descriptor_value: "yes",
      expect_match: true,
      query_parameters: [{ name: "draft", present_match: true }],
    },
  },
  {
    metadata: {
      descriptor_key: "user",
      metadata_key: {
        key: "envoy.filters.http.jwt_authn",
        path: [{ key: "payload" }, { key: "sub" }],
      },
      default_value: "nobody",
    },
  },
  {
    extension: {
      name: "caller",
      typed_config: { "@type": `${TYPE}.extensions.matching.common_inputs.ssl.v3.UriSanInput` },
    },
  },
];

const LOCAL: JsonObject = {
  "@type": `${FILTERS}.local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: "default/catalog",
  status: { code: 429 },
  token_bucket: BUCKET,
  filter_enabled: { default_value: { numerator: 100 } },
  filter_enforced: { default_value: { numerator: 100 } },
  request_headers_to_add_when_not_enforced: [HEADER],
  response_headers_to_add: [HEADER],
  descriptors: [
    {
      entries: [
        { key: "rule", value: "all" },
        { key: "user", value: "" },
        { key: "page", value: "" },
        { key: "remote_address", value: "" },
        { key: "masked_remote_address", value: "10.0.0.0/16" },
        { key: "writes", value: "yes" },
        { key: "draft", value: "yes" },
        { key: "caller", value: "" },
      ],
      token_bucket: BUCKET,
    },
  ],
  local_rate_limit_per_downstream_connection: true,
  enable_x_ratelimit_headers: "DRAFT_VERSION_03",
  always_consume_default_token_bucket: false,
  rate_limited_as_resource_exhausted: true,
  rate_limits: [{ actions: ACTIONS }],
  max_dynamic_descriptors: 1000,
  enable_retry_after_header: true,
};

const SERVICE: JsonObject = {
  "@type": `${FILTERS}.ratelimit.v3.RateLimit`,
  domain: "default/catalog",
  stage: 1,
  request_type: "both",
  timeout: "0.02s",
  failure_mode_deny: true,
  rate_limited_as_resource_exhausted: true,
  rate_limit_service: {
    grpc_service: { envoy_grpc: { cluster_name: "catalog" } },
    transport_api_version: "V3",
  },
  enable_x_ratelimit_headers: "DRAFT_VERSION_03",
  disable_x_envoy_ratelimited_header: true,
  rate_limited_status: { code: 429 },
  response_headers_to_add: [HEADER],
  status_on_error: { code: 503 },
};

const SERVICE_OF_ROUTE: JsonObject = {
  "@type": `${FILTERS}.ratelimit.v3.RateLimitPerRoute`,
  vh_rate_limits: "INCLUDE",
  domain: "default/catalog",
};

/** `rate_limits` of routes and virtual hosts. */
export const RATE_LIMITS: readonly JsonObject[] = [{ stage: 1, actions: ACTIONS }];

const CLASSES: JsonObject = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: "type.googleapis.com/tulle.filters.http.admission.v1.PriorityClasses",
  value: {
    classes: [
      {
        priority: "critical",
        caller: "spiffe://mesh/ns/default/sa/storefront",
        headers: [{ name: "x-plan", string_match: { exact: "gold" } }],
        query_parameters: [{ name: "draft", present_match: true }],
      },
    ],
  },
};

const CONCURRENCY: JsonObject = {
  "@type": `${FILTERS}.adaptive_concurrency.v3.AdaptiveConcurrency`,
  gradient_controller_config: {
    sample_aggregate_percentile: { value: 50 },
    concurrency_limit_params: { max_concurrency_limit: 1000, concurrency_update_interval: "0.1s" },
    min_rtt_calc_params: {
      interval: "60s",
      request_count: 50,
      jitter: { value: 15 },
      min_concurrency: 3,
      buffer: { value: 25 },
    },
  },
  enabled: { default_value: true },
  concurrency_limit_exceeded_status: { code: 503 },
};

const BANDWIDTH: JsonObject = {
  "@type": `${FILTERS}.bandwidth_limit.v3.BandwidthLimit`,
  stat_prefix: "default/catalog",
  enable_mode: "RESPONSE",
  limit_kbps: 1024,
};

export const LIMIT_FILTERS: readonly JsonObject[] = [
  { name: "envoy.filters.http.local_ratelimit", disabled: true, typed_config: LOCAL },
  { name: "envoy.filters.http.ratelimit", disabled: true, typed_config: SERVICE },
  { name: "tulle.filters.http.admission", is_optional: true, typed_config: CLASSES },
  { name: "envoy.filters.http.adaptive_concurrency", typed_config: CONCURRENCY },
  { name: "envoy.filters.http.bandwidth_limit", disabled: true, typed_config: BANDWIDTH },
];

export const LIMITS_OF_ROUTES: JsonObject = {
  "envoy.filters.http.local_ratelimit": LOCAL,
  "envoy.filters.http.ratelimit": SERVICE_OF_ROUTE,
};
