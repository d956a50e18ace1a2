/** A listener of the static bootstrap with RBAC, and routes that each have rules of their own. */
import type { JsonObject } from "@bufbuild/protobuf";

type Json = JsonObject;

const RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3";
const NAME = "envoy.filters.http.rbac";
const ANY = [{ any: true }];
const TO_ALPHA: Json = { route: { cluster: "alpha" } };

const header = (name: string, match: Json): Json => ({ header: { name, ...match } });
const path = (match: Json): Json => ({ url_path: { path: match } });
const claim = (key: string, value: Json): Json => ({
  metadata: { filter: "envoy.filters.http.jwt_authn", path: [{ key }], value },
});
const template = (path_template: string): Json => ({
  uri_template: {
    name: "template",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
      path_template,
    },
  },
});
const policy = (permission: Json, principal: Json = { any: true }): Json => ({
  permissions: [permission],
  principals: [principal],
});
const rules = (action: string, ...permissions: readonly Json[]): Json => ({
  rules: { action, policies: { "a policy": { permissions: [...permissions], principals: ANY } } },
});

/** What the routes say, by their path's first segment. */
const RULES: Readonly<Record<string, Json>> = {
  none: {},
  empty: { rules: { action: "ALLOW" } },
  "empty-deny": { rules: { action: "DENY" } },
  log: rules("LOG", { any: true }),
  get: rules("ALLOW", header(":method", { string_match: { exact: "GET" } })),
  "not-get": rules("DENY", { not_rule: header(":method", { string_match: { exact: "GET" } }) }),
  path: rules("ALLOW", path({ suffix: "/open" })),
  query: rules("ALLOW", header(":path", { string_match: { suffix: "?a=1" } })),
  template: rules("ALLOW", template("/template/*/x"), template("/template/all/**")),
  mixed: rules("ALLOW", template("/mixed/*.css"), template("/mixed/{name}/in/{rest=**}")),
  host: rules("ALLOW", header(":authority", { string_match: { prefix: "A.", ignore_case: true } })),
  present: rules("ALLOW", header("x-a", { present_match: true })),
  absent: rules("ALLOW", header("x-a", { present_match: false })),
  inverted: rules("ALLOW", header("x-a", { string_match: { exact: "1" }, invert_match: true })),
  denied: rules("DENY", header("x-a", { string_match: { exact: "1" } })),
  range: rules("ALLOW", header("x-a", { range_match: { start: "1", end: "5" } })),
  name: rules("ALLOW", { requested_server_name: { exact: "" } }),
  metadata: rules("ALLOW", claim("sub", { present_match: false })),
  "metadata-there": rules("ALLOW", claim("sub", { present_match: true })),
  ip: rules("ALLOW", { destination_ip: { address_prefix: "127.0.0.0", prefix_len: 8 } }),
  ports: rules("ALLOW", { destination_port_range: { start: 1, end: 65536 } }),
  from: {
    rules: {
      policies: {
        b: policy(
          { any: true },
          { direct_remote_ip: { address_prefix: "10.0.0.0", prefix_len: 8 } },
        ),
        c: policy(path({ prefix: "/from/c" }), {
          remote_ip: { address_prefix: "127.0.0.1", prefix_len: 32 },
        }),
        d: policy(path({ prefix: "/from/d" }), {
          not_id: { source_ip: { address_prefix: "::", prefix_len: 0 } },
        }),
        e: policy(path({ prefix: "/from/e" }), { authenticated: {} }),
      },
    },
  },
  shadow: {
    ...rules("ALLOW", { any: true }),
    shadow_rules: { action: "DENY", policies: { p: policy({ any: true }) } },
    shadow_rules_stat_prefix: "x_",
  },
};

export const RBAC_FILTERS: readonly Json[] = [
  { name: NAME, typed_config: { "@type": `${RBAC}.RBAC`, ...RULES["get"] } },
];

export const rbacVirtualHosts: Json[] = [
  {
    name: "rbac",
    domains: ["*"],
    routes: [
      ...Object.entries(RULES).map(([segment, rbac]) => ({
        match: { prefix: `/${segment}/` },
        ...TO_ALPHA,
        typed_per_filter_config: { [NAME]: { "@type": `${RBAC}.RBACPerRoute`, rbac } },
      })),
      {
        match: { prefix: "/off" },
        ...TO_ALPHA,
        typed_per_filter_config: { [NAME]: { "@type": `${RBAC}.RBACPerRoute` } },
      },
      { match: { prefix: "/direct" }, direct_response: { status: 200 } },
      { match: { prefix: "/" }, ...TO_ALPHA },
    ],
  },
];
