/** HTTP filters of the sample bootstrap file, and what its routes say to them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { NO_SESSION, SESSION_FILTER, SESSION_OF_ROUTE } from "./balancing-sample.ts";
import { AUTHZ_FILTERS, AUTHZ_OF_ROUTE } from "./ext-authz-sample.ts";
import { JWT_FILTER, JWT_OF_ROUTE, NO_JWT } from "./jwt-sample.ts";
import { LIMIT_FILTERS, LIMITS_OF_ROUTES } from "./rate-limit-sample.ts";
import { RBAC_FILTER, RBAC_OF_ROUTE } from "./rbac-sample.ts";
import { TYPE } from "./sample-parts.ts";

function httpFilter(name: string, type: string, fields: JsonObject = {}): JsonObject {
  const typed_config = { "@type": `${TYPE}.extensions.filters.http.${name}.v3.${type}`, ...fields };
  return { name: `envoy.filters.http.${name}`, disabled: true, typed_config };
}

const GRPC_WEB = httpFilter("grpc_web", "GrpcWeb");
const CORS = httpFilter("cors", "Cors");
const CORS_POLICY: JsonObject = {
  "@type": `${TYPE}.extensions.filters.http.cors.v3.CorsPolicy`,
  allow_origin_string_match: [{ exact: "https://shop.example" }],
  allow_methods: "GET, PUT",
  allow_headers: "x-a",
  expose_headers: "x-b",
  max_age: "600",
  allow_credentials: true,
  filter_enabled: { default_value: { numerator: 100 } },
  shadow_enabled: { default_value: { numerator: 10 } },
  allow_private_network_access: true,
  forward_not_matching_preflights: false,
};
const PERCENTAGE = { numerator: 10, denominator: "HUNDRED" };
const FAULT = httpFilter("fault", "HTTPFault", {
  delay: { fixed_delay: "1s", percentage: PERCENTAGE },
  abort: { http_status: 503, percentage: PERCENTAGE },
  response_rate_limit: { fixed_limit: { limit_kbps: 64 }, percentage: PERCENTAGE },
  upstream_cluster: "app",
  headers: [{ name: "x-fault", present_match: true }],
  downstream_nodes: ["storefront-1"],
  max_active_faults: 100,
  disable_downstream_cluster_stats: true,
});
/** Chosen by requests themselves. */
const ASKED_FAULT: JsonObject = {
  "@type": `${TYPE}.extensions.filters.http.fault.v3.HTTPFault`,
  delay: { header_delay: {}, percentage: PERCENTAGE },
  abort: { header_abort: {}, percentage: PERCENTAGE },
  response_rate_limit: { header_limit: {}, percentage: PERCENTAGE },
};
const GRPC_FAULT: JsonObject = {
  "@type": `${TYPE}.extensions.filters.http.fault.v3.HTTPFault`,
  abort: { grpc_status: 14, percentage: PERCENTAGE },
};
const RESET: JsonObject = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: "type.googleapis.com/tulle.filters.http.fault_reset.v1.Reset",
  value: { percentage: PERCENTAGE, headers: [{ name: "x-fault", present_match: true }] },
};
const RESET_FILTER = {
  name: "tulle.filters.http.fault_reset",
  is_optional: true,
  typed_config: RESET,
};
const CACHE: JsonObject = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: "type.googleapis.com/tulle.filters.http.cache.v1.Cache",
  value: { shared: true, default_ttl_ms: 1000, purges: [{ id: "1", path: "/*", tag: "" }] },
};
const CACHE_FILTER = { name: "tulle.filters.http.cache", is_optional: true, typed_config: CACHE };
const ROUTER = httpFilter("router", "Router", {
  suppress_envoy_headers: true,
  respect_expected_rq_timeout: true,
});

/** The router comes last. */
export const HTTP_FILTERS: readonly JsonObject[] = [
  CACHE_FILTER,
  CORS,
  FAULT,
  RESET_FILTER,
  GRPC_WEB,
  SESSION_FILTER,
  ...LIMIT_FILTERS,
  JWT_FILTER,
  RBAC_FILTER,
  ...AUTHZ_FILTERS,
  ROUTER,
];

export const ROUTE_FILTERS: JsonObject = {
  ...LIMITS_OF_ROUTES,
  ...AUTHZ_OF_ROUTE,
  "envoy.filters.http.jwt_authn": JWT_OF_ROUTE,
  "envoy.filters.http.jwt_authn.other": NO_JWT,
  "envoy.filters.http.rbac": RBAC_OF_ROUTE,
  "envoy.filters.http.cors": CORS_POLICY,
  "envoy.filters.http.fault": ASKED_FAULT,
  "envoy.filters.http.fault.other": GRPC_FAULT,
  "tulle.filters.http.fault_reset": {
    "@type": `${TYPE}.config.route.v3.FilterConfig`,
    is_optional: true,
    config: RESET,
  },
  "envoy.filters.http.stateful_session": SESSION_OF_ROUTE,
  "envoy.filters.http.stateful_session.other": NO_SESSION,
  "envoy.filters.http.grpc_web": {
    "@type": `${TYPE}.config.route.v3.FilterConfig`,
    disabled: true,
  },
};
