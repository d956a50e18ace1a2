/** Authorization rules of the sample bootstrap file: every kind of permission and principal. */
import type { JsonObject } from "@bufbuild/protobuf";
import { TYPE } from "./sample-parts.ts";

const FILTERS = `${TYPE}.extensions.filters`;
const RANGE = { address_prefix: "10.0.0.0", prefix_len: 8 };
const PATH = { path: { prefix: "/items" } };

function claim(value: JsonObject): JsonObject {
  const path = [{ key: "payload" }, { key: "sub" }];
  return { filter: "envoy.filters.http.jwt_authn", path, value, invert: true };
}

const PERMISSIONS: readonly JsonObject[] = [
  { and_rules: { rules: [{ any: true }, { url_path: PATH }] } },
  { or_rules: { rules: [{ destination_ip: RANGE }, { destination_port: 80 }] } },
  { not_rule: { destination_port_range: { start: 1, end: 1024 } } },
  { header: { name: "x-user", present_match: true } },
  { requested_server_name: { exact: "catalog.example" } },
  { metadata: claim({ null_match: {} }) },
  { metadata: claim({ bool_match: true }) },
  { metadata: claim({ present_match: true }) },
  { metadata: claim({ double_match: { exact: 1 } }) },
  { metadata: claim({ double_match: { range: { start: 1, end: 2 } } }) },
  {
    uri_template: {
      name: "uri_template",
      typed_config: {
        "@type": `${TYPE}.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`,
        path_template: "/users/*",
      },
    },
  },
];

const STAFF = { string_match: { exact: "staff" } };
const PRINCIPALS: readonly JsonObject[] = [
  {
    and_ids: { ids: [{ any: true }, { authenticated: { principal_name: { prefix: "spiffe" } } }] },
  },
  { or_ids: { ids: [{ source_ip: RANGE }, { direct_remote_ip: RANGE }, { remote_ip: RANGE }] } },
  { not_id: { header: { name: "x-user", present_match: true } } },
  { url_path: PATH },
  { metadata: claim({ or_match: { value_matchers: [STAFF, { list_match: { one_of: STAFF } }] } }) },
];

const RULES: JsonObject = {
  action: "DENY",
  policies: { p: { permissions: [...PERMISSIONS], principals: [...PRINCIPALS] } },
};

const HTTP: JsonObject = {
  rules: RULES,
  rules_stat_prefix: "a_",
  shadow_rules: RULES,
  shadow_rules_stat_prefix: "b_",
};

export const RBAC_FILTER: JsonObject = {
  name: "envoy.filters.http.rbac",
  typed_config: { "@type": `${FILTERS}.http.rbac.v3.RBAC`, ...HTTP },
};

export const RBAC_OF_ROUTE: JsonObject = {
  "@type": `${FILTERS}.http.rbac.v3.RBACPerRoute`,
  rbac: HTTP,
};

/** Before what serves a connection. */
export const CONNECTION_RBAC: JsonObject = {
  name: "envoy.filters.network.rbac",
  typed_config: {
    "@type": `${FILTERS}.network.rbac.v3.RBAC`,
    rules: RULES,
    shadow_rules: RULES,
    shadow_rules_stat_prefix: "b_",
    stat_prefix: "tcp.",
    enforcement_type: "CONTINUOUS",
  },
};
