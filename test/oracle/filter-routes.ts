/** Listeners of the static bootstrap with HTTP filters, and the routes that speak to them. */
import type { JsonObject } from "@bufbuild/protobuf";

type Json = JsonObject;

const FILTERS = "type.googleapis.com/envoy.extensions.filters.http";
const ALL: Json = { numerator: 100 };
const FAULT = "envoy.filters.http.fault";
const CORS = "envoy.filters.http.cors";

const fault = (fields: Json = {}): Json => ({
  "@type": `${FILTERS}.fault.v3.HTTPFault`,
  ...fields,
});
const cors = (fields: Json): Json => ({ "@type": `${FILTERS}.cors.v3.CorsPolicy`, ...fields });

/** Before the router. */
export const FAULT_FILTERS: readonly Json[] = [{ name: FAULT, typed_config: fault() }];
export const CORS_FILTERS: readonly Json[] = [
  { name: CORS, typed_config: { "@type": `${FILTERS}.cors.v3.Cors` } },
];

function route(path: string, filter: string, config: Json, action: Json = TO_ALPHA): Json {
  return { match: { path }, ...action, typed_per_filter_config: { [filter]: config } };
}

const TO_ALPHA: Json = { route: { cluster: "alpha" } };
const abort = (error: Json, percentage: Json = ALL): Json => ({ abort: { ...error, percentage } });
const http = (http_status: number): Json => ({ http_status });
const DELAY: Json = { delay: { fixed_delay: "0.05s", percentage: ALL } };
const header = (name: string, value: string): Json => ({ name, string_match: { exact: value } });

export const faultVirtualHosts: Json[] = [
  {
    name: "faults",
    domains: ["*"],
    typed_per_filter_config: { [FAULT]: fault(abort(http(599))) },
    routes: [
      route("/abort", FAULT, fault(abort(http(418)))),
      route("/abort-grpc", FAULT, fault(abort({ grpc_status: 7 }))),
      route("/abort-asked", FAULT, fault(abort({ header_abort: {} }))),
      route("/abort-never", FAULT, fault({ abort: http(418) })),
      route("/abort-rarely", FAULT, fault(abort({ header_abort: {} }, { numerator: 0 }))),
      route("/delay", FAULT, fault(DELAY)),
      route("/delay-asked", FAULT, fault({ delay: { header_delay: {}, percentage: ALL } })),
      route("/delay-abort", FAULT, fault({ ...DELAY, ...abort(http(503)) })),
      route("/delay-dead", FAULT, fault(DELAY), { route: { cluster: "dead" } }),
      route("/slow", FAULT, {
        ...fault(),
        response_rate_limit: { fixed_limit: { limit_kbps: 1 }, percentage: ALL },
      }),
      route("/of-cluster", FAULT, fault({ ...abort(http(418)), upstream_cluster: "alpha" })),
      route("/of-other-cluster", FAULT, fault({ ...abort(http(418)), upstream_cluster: "beta" })),
      route("/of-node", FAULT, fault({ ...abort(http(418)), downstream_nodes: ["a", "b"] })),
      route("/of-header", FAULT, fault({ ...abort(http(418)), headers: [header("x-a", "1")] })),
      route("/redirect", FAULT, fault(abort(http(418))), { redirect: { path_redirect: "/" } }),
      route("/off", FAULT, {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        disabled: true,
      }),
      { match: { prefix: "/" }, ...TO_ALPHA },
    ],
  },
];

const exact = (text: string): Json => ({ exact: text });
const SHOP: Json = { allow_origin_string_match: [exact("https://shop.example")] };

export const corsVirtualHosts: Json[] = [
  {
    name: "cors",
    domains: ["*"],
    typed_per_filter_config: {
      [CORS]: cors({
        allow_origin_string_match: [exact("https://host.example")],
        allow_methods: "GET",
        max_age: "5",
        expose_headers: "x-host",
        allow_credentials: true,
      }),
    },
    routes: [
      route("/shop", CORS, cors({ ...SHOP, allow_methods: "GET, PUT", allow_headers: "x-a" })),
      route("/any", CORS, cors({ allow_origin_string_match: [exact("*")] })),
      route("/prefix", CORS, cors({ allow_origin_string_match: [{ prefix: "https://a." }] })),
      route(
        "/regex",
        CORS,
        cors({
          allow_origin_string_match: [{ safe_regex: { regex: "https://[a-z]+\\.shop\\.example" } }],
        }),
      ),
      route(
        "/star-lists",
        CORS,
        cors({ ...SHOP, allow_methods: "*", allow_headers: "*", expose_headers: "*" }),
      ),
      route("/no-cookies", CORS, cors({ ...SHOP, allow_credentials: false })),
      route("/private", CORS, cors({ ...SHOP, allow_private_network_access: true })),
      route("/not-forwarded", CORS, cors({ ...SHOP, forward_not_matching_preflights: false })),
      route("/off", CORS, cors({ ...SHOP, filter_enabled: { default_value: { numerator: 0 } } })),
      route("/shop-direct", CORS, cors(SHOP), {
        direct_response: { status: 200, body: { inline_string: "direct" } },
      }),
      route("/shop-dead", CORS, cors(SHOP), { route: { cluster: "dead" } }),
      { match: { prefix: "/" }, ...TO_ALPHA },
    ],
  },
];
