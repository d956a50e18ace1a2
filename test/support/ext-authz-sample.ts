/** External authorization of the sample bootstrap file: both services, what routes say, and TCP. */
import type { JsonObject } from "@bufbuild/protobuf";
import { TYPE } from "./sample-parts.ts";

const FILTERS = `${TYPE}.extensions.filters`;
const NAMES: JsonObject = { patterns: [{ exact: "x-user" }, { prefix: "x-" }] };
const BODY: JsonObject = {
  max_request_bytes: 1024,
  allow_partial_message: true,
  pack_as_bytes: true,
};
const GRPC_SERVICE: JsonObject = {
  envoy_grpc: { cluster_name: "app", authority: "authz.example" },
  timeout: "0.5s",
};
const ENABLED: JsonObject = {
  filter: "envoy.filters.http.rbac",
  path: [{ key: "shadow_effective_policy_id" }],
  value: { present_match: true },
};

const GRPC: JsonObject = {
  "@type": `${FILTERS}.http.ext_authz.v3.ExtAuthz`,
  grpc_service: GRPC_SERVICE,
  transport_api_version: "V3",
  failure_mode_allow: true,
  failure_mode_allow_header_add: true,
  with_request_body: BODY,
  clear_route_cache: true,
  status_on_error: { code: 503 },
  validate_mutations: true,
  metadata_context_namespaces: ["envoy.filters.http.jwt_authn"],
  filter_enabled: { default_value: { numerator: 100 } },
  filter_enabled_metadata: ENABLED,
  deny_at_disable: { default_value: true },
  include_peer_certificate: true,
  stat_prefix: "opa",
  allowed_headers: NAMES,
  disallowed_headers: NAMES,
  include_tls_session: true,
  encode_raw_headers: true,
  enable_dynamic_metadata_ingestion: true,
};

const HTTP: JsonObject = {
  "@type": `${FILTERS}.http.ext_authz.v3.ExtAuthz`,
  transport_api_version: "V3",
  http_service: {
    server_uri: { uri: "http://authz.example", cluster: "app", timeout: "0.5s" },
    path_prefix: "/check",
    authorization_request: {
      allowed_headers: NAMES,
      headers_to_add: [{ key: "x-from", value: "mesh" }],
    },
    authorization_response: {
      allowed_upstream_headers: NAMES,
      allowed_upstream_headers_to_append: NAMES,
      allowed_client_headers: NAMES,
      allowed_client_headers_on_success: NAMES,
      dynamic_metadata_from_headers: NAMES,
    },
  },
};

export const AUTHZ_FILTERS: readonly JsonObject[] = [
  { name: "envoy.filters.http.ext_authz", disabled: true, typed_config: GRPC },
  { name: "envoy.filters.http.ext_authz.http", disabled: true, typed_config: HTTP },
];

const PER_ROUTE = `${FILTERS}.http.ext_authz.v3.ExtAuthzPerRoute`;

export const AUTHZ_OF_ROUTE: JsonObject = {
  "envoy.filters.http.ext_authz": {
    "@type": PER_ROUTE,
    check_settings: { context_extensions: { route: "a" }, with_request_body: BODY },
  },
  "envoy.filters.http.ext_authz.http": {
    "@type": PER_ROUTE,
    check_settings: { disable_request_body_buffering: true },
  },
  "envoy.filters.http.ext_authz.other": { "@type": PER_ROUTE, disabled: true },
};

export const CONNECTION_AUTHZ: JsonObject = {
  name: "envoy.filters.network.ext_authz",
  typed_config: {
    "@type": `${FILTERS}.network.ext_authz.v3.ExtAuthz`,
    stat_prefix: "opa",
    grpc_service: GRPC_SERVICE,
    failure_mode_allow: true,
    include_peer_certificate: true,
    transport_api_version: "V3",
    filter_enabled_metadata: { ...ENABLED, filter: "envoy.filters.network.rbac" },
    include_tls_session: true,
  },
};
