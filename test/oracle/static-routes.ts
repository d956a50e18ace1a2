/**
 * The routes of the static bootstrap: every kind of match, header change, rewrite, redirect, split, retry and
 * failure that both proxies implement. Cases under `corpus/` name the paths.
 */
import type { JsonObject } from "@bufbuild/protobuf";

type Json = JsonObject;

const to = (cluster: string, more: Json = {}): Json => ({ route: { cluster, ...more } });
const at = (path: string, action: Json, match: Json = {}): Json => ({
  match: { path, ...match },
  ...action,
});
const below = (prefix: string, action: Json, match: Json = {}): Json => ({
  match: { prefix, ...match },
  ...action,
});
const header = (name: string, matcher: Json): Json => ({ headers: [{ name, ...matcher }] });
const query = (name: string, matcher: Json): Json => ({ query_parameters: [{ name, ...matcher }] });
const exact = (value: string): Json => ({ string_match: { exact: value } });
const regex = (value: string): Json => ({ string_match: { safe_regex: { regex: value } } });
const add = (key: string, value: string, append_action?: string): Json => ({
  header: { key, value },
  ...(append_action === undefined ? {} : { append_action }),
});
const split = (...clusters: Json[]): Json => ({
  route: { weighted_clusters: { header_name: "x-random", clusters } },
});
const retry = (retry_on: string, more: Json = {}): Json => ({
  retry_policy: {
    retry_on,
    num_retries: 2,
    retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" },
    ...more,
  },
});

const pathRoutes: Json[] = [
  at("/exact", to("alpha")),
  at("/Case", to("beta"), { case_sensitive: false }),
  { match: { path_separated_prefix: "/separated" }, ...to("beta") },
  { match: { safe_regex: { regex: "/item/[0-9]+(/edit)?" } }, ...to("beta") },
  below("/first/long", to("alpha")),
  below("/first", to("beta")),
  below("/first/never", to("gamma")),
];

const headerRoutes: Json[] = [
  ["exact", exact("yes")],
  ["prefix", { string_match: { prefix: "ab" } }],
  ["suffix", { string_match: { suffix: "yz" } }],
  ["contains", { string_match: { contains: "mid" } }],
  ["joined", exact("a,b")],
  ["folded", { string_match: { exact: "YES", ignore_case: true } }],
  ["regex", regex("v[0-9]{1,3}")],
  ["present", { present_match: true }],
  ["absent", { present_match: false }],
  ["not-exact", { ...exact("no"), invert_match: true }],
  ["not-present", { present_match: true, invert_match: true }],
  ["range", { range_match: { start: "-5", end: "10" } }],
  ["empty", { ...exact(""), treat_missing_header_as_empty: true }],
  ["not-empty", { ...exact(""), treat_missing_header_as_empty: true, invert_match: true }],
].map(([name, matcher]) => at(`/header/${name}`, to("beta"), header("x-test", matcher as Json)));

const pseudoHeaderRoutes: Json[] = [
  at("/method", to("beta"), header(":method", exact("POST"))),
  at("/authority", to("beta"), header(":authority", { string_match: { suffix: ".example" } })),
  at("/scheme", to("beta"), header(":scheme", exact("http"))),
  below("/pseudo-path", to("beta"), header(":path", { string_match: { contains: "?magic=1" } })),
  at("/host-header", to("beta"), header("host", exact("shop.example"))),
];

const queryRoutes: Json[] = [
  at("/query/exact", to("beta"), query("color", exact("red"))),
  at("/query/regex", to("beta"), query("color", regex("r.d"))),
  at("/query/present", to("beta"), query("color", { present_match: true })),
  at("/query/absent", to("beta"), query("color", { present_match: false })),
  at("/query/both", to("beta"), {
    query_parameters: [
      { name: "a", ...exact("1") },
      { name: "b", ...exact("2") },
    ],
  }),
];

const actionRoutes: Json[] = [
  at("/split", split({ name: "alpha", weight: 90 }, { name: "beta", weight: 10 })),
  at(
    "/split/changes",
    split(
      {
        name: "alpha",
        weight: 1,
        request_headers_to_add: [add("x-choice", "first")],
        response_headers_to_add: [add("x-chosen", "first")],
        host_rewrite_literal: "first.internal",
      },
      {
        name: "beta",
        weight: 1,
        request_headers_to_remove: ["x-drop"],
        response_headers_to_remove: ["x-upstream"],
      },
    ),
  ),
  at("/split/zero", split({ name: "alpha", weight: 0 }, { name: "beta", weight: 5 })),
  at("/split/missing", split({ name: "nowhere", weight: 1 }, { name: "beta", weight: 1 })),
  below("/rewrite/prefix/", to("alpha", { prefix_rewrite: "/" })),
  below("/rewrite/whole", to("alpha", { prefix_rewrite: "/new/" })),
  at("/rewrite/exact", to("alpha", { prefix_rewrite: "/replaced" })),
  {
    match: { path_separated_prefix: "/rewrite/separated" },
    ...to("alpha", { prefix_rewrite: "/s" }),
  },
  below(
    "/rewrite/regex",
    to("alpha", {
      regex_rewrite: { pattern: { regex: "/regex/([^/]+)/([^/]+)" }, substitution: "/\\2-\\1" },
    }),
  ),
  below(
    "/rewrite/all",
    to("alpha", { regex_rewrite: { pattern: { regex: "[0-9]+" }, substitution: "N" } }),
  ),
  at("/rewrite/host", to("alpha", { host_rewrite_literal: "inner.example:8080" })),
  {
    ...at("/mirror", to("alpha", { request_mirror_policies: [{ cluster: "gamma" }] })),
  },
  at(
    "/mirror/plain",
    to("alpha", {
      request_mirror_policies: [{ cluster: "gamma", disable_shadow_host_suffix_append: true }],
    }),
  ),
  at("/mirror/missing", to("alpha", { request_mirror_policies: [{ cluster: "nowhere" }] })),
  at("/mirror/never", {
    route: {
      cluster: "alpha",
      request_mirror_policies: [
        { cluster: "gamma", runtime_fraction: { default_value: { numerator: 0 } } },
      ],
    },
  }),
];

const redirectRoutes: Json[] = [
  ["https", { https_redirect: true }],
  ["scheme", { scheme_redirect: "HTTPS" }],
  ["host", { host_redirect: "new.example" }],
  ["host-with-port", { host_redirect: "new.example:81" }],
  ["port", { port_redirect: 8443 }],
  ["port-80", { port_redirect: 80 }],
  ["https-443", { https_redirect: true, port_redirect: 443 }],
  ["path", { path_redirect: "/elsewhere" }],
  ["path-with-query", { path_redirect: "/elsewhere?x=1" }],
  ["strip", { strip_query: true }],
  ["strip-path", { path_redirect: "/elsewhere", strip_query: true }],
  ["prefix", { prefix_rewrite: "/target" }],
  ["regex", { regex_rewrite: { pattern: { regex: "^/redirect/" }, substitution: "/r/" } }],
  ["301", { response_code: "MOVED_PERMANENTLY" }],
  ["302", { response_code: "FOUND" }],
  ["303", { response_code: "SEE_OTHER" }],
  ["307", { response_code: "TEMPORARY_REDIRECT" }],
  ["308", { response_code: "PERMANENT_REDIRECT" }],
].map(([name, redirect]) => at(`/redirect/${name}`, { redirect: redirect as Json }));

const directRoutes: Json[] = [
  at("/direct", { direct_response: { status: 200, body: { inline_string: "direct\n" } } }),
  at("/direct/empty", { direct_response: { status: 204 } }),
  at("/direct/503", { direct_response: { status: 503, body: { inline_string: "busy" } } }),
  at("/direct/418", { direct_response: { status: 418, body: { inline_string: "teapot" } } }),
  {
    ...at("/direct/headers", { direct_response: { status: 200, body: { inline_string: "d" } } }),
    response_headers_to_add: [add("x-direct", "1")],
  },
  {
    ...at("/redirect/headers", { redirect: { host_redirect: "new.example" } }),
    response_headers_to_add: [add("cache-control", "no-store")],
  },
];

const mutationRoutes: Json[] = [
  ["append", "APPEND_IF_EXISTS_OR_ADD"],
  ["if-absent", "ADD_IF_ABSENT"],
  ["overwrite", "OVERWRITE_IF_EXISTS_OR_ADD"],
  ["overwrite-if-exists", "OVERWRITE_IF_EXISTS"],
].map(([name, action]) => ({
  ...at(`/change/${name}`, to("alpha")),
  request_headers_to_add: [add("x-changed", "proxy", action)],
  response_headers_to_add: [add("x-changed", "proxy", action)],
}));

const moreMutationRoutes: Json[] = [
  {
    ...at("/change/remove", to("alpha")),
    request_headers_to_remove: ["x-drop", "X-Drop-Too"],
    response_headers_to_remove: ["x-drop", "server"],
  },
  {
    ...at("/change/remove-then-add", to("alpha")),
    request_headers_to_remove: ["x-changed"],
    request_headers_to_add: [add("x-changed", "only")],
  },
  {
    ...at("/change/percent", to("alpha")),
    request_headers_to_add: [add("x-share", "100%%")],
  },
];

const failureRoutes: Json[] = [
  at("/missing", to("nowhere")),
  at("/missing/404", to("nowhere", { cluster_not_found_response_code: "NOT_FOUND" })),
  at("/missing/500", to("nowhere", { cluster_not_found_response_code: "INTERNAL_SERVER_ERROR" })),
  { name: "named-dead", ...at("/named/dead", to("dead")) },
  { name: "named-direct", ...at("/named/direct", { direct_response: { status: 503 } }) },
  below("/empty", to("empty")),
  below("/sick", to("sick")),
  below("/panic", to("panic")),
  below("/draining", to("draining")),
  below("/dead", to("dead")),
  below("/full", to("full")),
  below("/second-priority", to("priorities")),
  below("/timeout/long", to("alpha", { timeout: "10s" })),
  below("/timeout/none", to("alpha", { timeout: "0s" })),
  below("/timeout", to("alpha", { timeout: "0.3s" })),
  below("/idle", to("alpha", { timeout: "0s", idle_timeout: "0.6s" })),
  below("/retry/connect-failure", to("half-dead", retry("connect-failure"))),
  below("/retry/dead", to("dead", retry("connect-failure"))),
  below("/retry/5xx", to("alpha", retry("5xx"))),
  below("/retry/gateway-error", to("alpha", retry("gateway-error"))),
  below(
    "/retry/codes",
    to("alpha", retry("retriable-status-codes", { retriable_status_codes: [409, 503] })),
  ),
  below("/retry/reset", to("alpha", retry("reset"))),
  below("/retry/before-request", to("alpha", retry("reset-before-request"))),
  below("/retry/refused", to("alpha", retry("refused-stream"))),
  below(
    "/retry/grpc",
    to("alpha", retry("cancelled,deadline-exceeded,internal,resource-exhausted,unavailable")),
  ),
  below("/retry/once", to("alpha", retry("5xx", { num_retries: 1 }))),
  below("/retry/never", to("alpha", retry("", { num_retries: 5 }))),
  below(
    "/retry/per-try",
    to("alpha", { timeout: "5s", ...retry("reset", { per_try_timeout: "0.3s" }) }),
  ),
];

/** The virtual hosts of the listener `main`. */
export const mainVirtualHosts: Json[] = [
  {
    name: "shop",
    domains: ["shop.example", "shop.example:*"],
    routes: [
      ...[pathRoutes, headerRoutes, pseudoHeaderRoutes, queryRoutes, actionRoutes].flat(),
      ...[redirectRoutes, directRoutes, mutationRoutes, moreMutationRoutes, failureRoutes].flat(),
      below("/", to("alpha")),
    ],
  },
  { name: "no-fallback", domains: ["strict.example"], routes: [at("/only", to("alpha"))] },
  {
    name: "suffix",
    domains: ["*.wild.example", "*-dash.example"],
    routes: [below("/", to("beta"))],
  },
  { name: "longer-suffix", domains: ["*.long.wild.example"], routes: [below("/", to("gamma"))] },
  { name: "prefix", domains: ["front.*", "back-*"], routes: [below("/", to("beta"))] },
  { name: "port", domains: ["ported.example:8080"], routes: [below("/", to("beta"))] },
  {
    name: "changes-and-failures",
    domains: ["failures.example"],
    response_headers_to_add: [add("x-to", "host")],
    routes: [
      ...["empty", "dead", "nowhere"].map((cluster) => ({
        ...at(`/${cluster}`, to(cluster)),
        response_headers_to_add: [add("x-to", "route")],
      })),
      at("/direct", { direct_response: { status: 200, body: { inline_string: "d" } } }),
      at("/redirect", { redirect: { host_redirect: "new.example" } }),
    ],
  },
  { name: "upper", domains: ["UPPER.example"], routes: [below("/", to("beta"))] },
  {
    name: "changes",
    domains: ["changes.example"],
    request_headers_to_add: [add("x-from", "host"), add("x-host", "h")],
    request_headers_to_remove: ["x-drop"],
    response_headers_to_add: [add("x-to", "host")],
    routes: [
      {
        ...below("/", to("alpha")),
        request_headers_to_add: [add("x-from", "route")],
        response_headers_to_add: [add("x-to", "route")],
      },
    ],
  },
];

/** Every request to one cluster. */
export function allTo(cluster: string): Json[] {
  return [{ name: "all", domains: ["*"], routes: [below("/", to(cluster))] }];
}

const upgrade = (upgrade_type: string, enabled = true): Json => ({
  upgrade_configs: [{ upgrade_type, enabled }],
});

/** The virtual hosts of a listener that allows WebSocket and CONNECT. */
export const upgradeVirtualHosts: Json[] = [
  {
    name: "tunnels",
    domains: ["proxy.example:443"],
    routes: [{ match: { connect_matcher: {} }, ...to("alpha") }],
  },
  {
    name: "no-tunnels",
    domains: ["off.example:443"],
    routes: [{ match: { connect_matcher: {} }, ...to("alpha", upgrade("CONNECT", false)) }],
  },
  {
    name: "upgrades",
    domains: ["*"],
    routes: [
      at("/on", to("alpha")),
      at("/off", to("alpha", upgrade("websocket", false))),
      at("/spdy", to("beta", upgrade("spdy/3.1"))),
      at("/direct", { direct_response: { status: 200, body: { inline_string: "direct" } } }),
    ],
  },
];

/** What tells apart how a path was read. */
export const pathVirtualHosts: Json[] = [
  {
    name: "paths",
    domains: ["*"],
    routes: [below("/secret", to("gamma")), below("/public", to("beta")), below("/", to("alpha"))],
  },
];
