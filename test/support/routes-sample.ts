/** Routes of the sample bootstrap file: every match and every action. */
import type { JsonObject } from "@bufbuild/protobuf";
import { HASHED_ROUTE, SUBSET_OF_CHOICE } from "./balancing-sample.ts";
import { ROUTE_FILTERS } from "./filters-sample.ts";
import { RATE_LIMITS } from "./rate-limit-sample.ts";
import { RETRY_POLICY, ROUTE_LIMITS, VIRTUAL_HOST_DEFAULTS } from "./resilience-sample.ts";
import { inline, MUTATIONS, metadata, OK, PREFIX } from "./sample-parts.ts";
import { ROUTE_TRACING } from "./tracing-sample.ts";

const MATCHES: readonly JsonObject[] = [
  { prefix: "/a", case_sensitive: false },
  { path: "/b" },
  { path_separated_prefix: "/c" },
  { safe_regex: { google_re2: {}, regex: "/d.*" } },
  {
    prefix: "/",
    headers: [
      { name: "a", exact_match: "1", invert_match: true },
      { name: "b", safe_regex_match: { regex: ".*" } },
      { name: "c", range_match: { start: "1", end: "2" } },
      { name: "d", present_match: true },
      { name: "e", prefix_match: "a" },
      { name: "f", suffix_match: "a" },
      { name: "g", contains_match: "a" },
      { name: "h", string_match: { exact: "a", ignore_case: true } },
      { name: "i", string_match: { prefix: "a" }, treat_missing_header_as_empty: true },
      { name: "j", string_match: { suffix: "a" } },
      { name: "k", string_match: { contains: "a" } },
      { name: "l", string_match: { safe_regex: { regex: "a" } } },
    ],
    query_parameters: [
      { name: "m", string_match: { exact: "1" } },
      { name: "n", present_match: true },
    ],
    dynamic_metadata: [
      {
        filter: "envoy.filters.http.jwt_authn",
        path: [{ key: "payload" }, { key: "sub" }],
        value: { string_match: { exact: "a" } },
      },
    ],
  },
];

const CONNECT: JsonObject = { connect_matcher: {} };

const REWRITE = { pattern: { regex: "/a" }, substitution: "/b" };

const ACTIONS: readonly JsonObject[] = [
  {
    route: {
      cluster: "everything",
      cluster_not_found_response_code: "NOT_FOUND",
      prefix_rewrite: "/",
      host_rewrite_literal: "other",
      timeout: "1s",
      idle_timeout: "2s",
      retry_policy: RETRY_POLICY,
      ...ROUTE_LIMITS,
      ...HASHED_ROUTE,
      rate_limits: [...RATE_LIMITS],
      request_mirror_policies: [
        {
          cluster: "everything",
          runtime_fraction: { default_value: { numerator: 1, denominator: "TEN_THOUSAND" } },
          trace_sampled: true,
          disable_shadow_host_suffix_append: true,
        },
      ],
      upgrade_configs: [{ upgrade_type: "CONNECT", enabled: false }],
    },
  },
  {
    route: {
      weighted_clusters: {
        clusters: [
          { name: "everything", weight: 1, host_rewrite_literal: "third", ...MUTATIONS },
          { name: "contained", weight: 2, ...SUBSET_OF_CHOICE },
        ],
        total_weight: 3,
        header_name: "x-random",
      },
      regex_rewrite: REWRITE,
      max_grpc_timeout: "0s",
      grpc_timeout_offset: "0.1s",
    },
  },
  {
    route: {
      weighted_clusters: {
        clusters: [
          { name: "everything", weight: 1 },
          { name: "contained", weight: 2 },
        ],
        use_hash_policy: true,
      },
      hash_policy: [{ header: { header_name: "x-user" } }],
    },
  },
  {
    redirect: { https_redirect: true, host_redirect: "h", port_redirect: 8443, strip_query: true },
  },
  { redirect: { scheme_redirect: "https", path_redirect: "/n", response_code: "FOUND" } },
  { redirect: { prefix_rewrite: "/n" } },
  { redirect: { regex_rewrite: REWRITE } },
  { direct_response: { status: 418, body: inline("teapot") }, tracing: ROUTE_TRACING },
];

export const ROUTES: JsonObject = {
  name: "inline",
  validate_clusters: false,
  ignore_port_in_host_matching: true,
  metadata: metadata({}),
  ...MUTATIONS,
  typed_per_filter_config: ROUTE_FILTERS,
  virtual_hosts: [
    {
      name: "all",
      domains: ["*"],
      ...VIRTUAL_HOST_DEFAULTS,
      rate_limits: [...RATE_LIMITS],
      metadata: metadata({}),
      ...MUTATIONS,
      typed_per_filter_config: ROUTE_FILTERS,
      routes: [
        { match: CONNECT, direct_response: OK },
        ...MATCHES.map((match) => ({ match, direct_response: OK })),
        ...ACTIONS.map((action) => ({ match: PREFIX, ...action })),
        { name: "named", match: PREFIX, direct_response: OK, metadata: metadata({}), ...MUTATIONS },
        { match: PREFIX, direct_response: OK, typed_per_filter_config: ROUTE_FILTERS },
      ],
    },
  ],
};
