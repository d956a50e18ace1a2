/**
 * The bootstrap file that both proxies start from, without any control plane: listeners that differ in how they
 * treat paths and headers, and clusters that are whole, empty, sick, draining, or lead nowhere.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import type { Versions } from "./case.ts";
import {
  CORS_FILTERS,
  corsVirtualHosts,
  FAULT_FILTERS,
  faultVirtualHosts,
} from "./filter-routes.ts";
import { JWT_FILTERS, jwtVirtualHosts } from "./jwt-tokens.ts";
import { RBAC_FILTERS, rbacVirtualHosts } from "./rbac-routes.ts";
import { RESILIENCE_CLUSTERS, resilienceVirtualHosts, TRUSTING } from "./resilience-routes.ts";
import { allTo, mainVirtualHosts, pathVirtualHosts, upgradeVirtualHosts } from "./static-routes.ts";

type Json = JsonObject;

/** Ports by the label of their upstream; `dead` refuses connections. */
export type UpstreamPorts = Readonly<Record<"alpha" | "beta" | "gamma" | "dead", number>>;

/** Both proxies write their access logs to the same file: the port of the listener says whose line it is. */
export function oracleBootstrap(
  ports: UpstreamPorts,
  accessLogPath: string,
  upstream: Versions["upstream"],
): Json {
  const listeners = LISTENERS.flatMap((create) => [
    create(accessLogPath, "HTTP1"),
    // Both ways to let HTTP/2 in, each with one kind of upstream.
    create(accessLogPath, upstream === 1 ? "AUTO" : "HTTP2"),
  ]);
  const spoken = clusters(ports).map((cluster) => ({
    ...cluster,
    ...(upstream === 1 ? {} : HTTP2_CLUSTER),
  }));
  return {
    node: { id: "oracle", cluster: "oracle" },
    static_resources: { listeners, clusters: spoken },
  };
}

/** The name of a listener that speaks this version. */
export function listenerFor(name: string, downstream: Versions["downstream"]): string {
  return downstream === 1 ? name : `${name} (HTTP/2)`;
}

/** What is compared of access logs. */
export const ACCESS_LOG_FIELDS = {
  code: "%RESPONSE_CODE%",
  flags: "%RESPONSE_FLAGS%",
  details: "%RESPONSE_CODE_DETAILS%",
  cluster: "%UPSTREAM_CLUSTER%",
  route: "%ROUTE_NAME%",
  protocol: "%PROTOCOL%",
  grpc: "%GRPC_STATUS_NUMBER%",
} as const;

const NORMALISING = { normalize_path: true, merge_slashes: true };

type CreateListener = (accessLogPath: string, codec: "HTTP1" | "HTTP2" | "AUTO") => Json;

const LISTENERS: CreateListener[] = [
  listener("main", mainVirtualHosts),
  listener("paths-as-sent", pathVirtualHosts),
  listener("paths-normalised", pathVirtualHosts, { normalize_path: true }),
  listener("paths-merged", pathVirtualHosts, NORMALISING),
  listener("slashes-rejected", pathVirtualHosts, slashes("REJECT_REQUEST")),
  listener("slashes-unescaped", pathVirtualHosts, slashes("UNESCAPE_AND_FORWARD")),
  listener("slashes-redirected", pathVirtualHosts, slashes("UNESCAPE_AND_REDIRECT")),
  listener("ports-ignored", mainVirtualHosts, {}, { ignore_port_in_host_matching: true }),
  listener("silent", allTo("alpha"), {
    server_header_transformation: "PASS_THROUGH",
    http_filters: [router({ suppress_envoy_headers: true })],
  }),
  listener("server-named", allTo("alpha"), { server_name: "shop" }),
  listener("server-if-absent", allTo("alpha"), {
    server_header_transformation: "APPEND_IF_ABSENT",
  }),
  listener("request-id-returned", allTo("alpha"), { always_set_request_id_in_response: true }),
  listener("no-request-id", allTo("alpha"), { generate_request_id: false }),
  listener("edge", allTo("alpha"), { use_remote_address: true }),
  listener(
    "table-changes",
    mainVirtualHosts,
    {},
    {
      request_headers_to_add: [{ header: { key: "x-from", value: "table" } }],
      request_headers_to_remove: ["x-table-drop"],
      response_headers_to_add: [{ header: { key: "x-to", value: "table" } }],
      response_headers_to_remove: ["x-table-drop"],
    },
  ),
  listener("upgrades", upgradeVirtualHosts, {
    upgrade_configs: [{ upgrade_type: "websocket" }, { upgrade_type: "CONNECT" }],
    http2_protocol_options: { allow_connect: true },
  }),
  listener("grpc-web", mainVirtualHosts, { http_filters: [grpcWeb(), router()] }),
  listener("faults", faultVirtualHosts, { http_filters: [...FAULT_FILTERS, router()] }),
  listener("cors", corsVirtualHosts, { http_filters: [...CORS_FILTERS, router()] }),
  listener("jwt", jwtVirtualHosts, { http_filters: [...JWT_FILTERS, router()] }),
  listener("rbac", rbacVirtualHosts, { http_filters: [...RBAC_FILTERS, router()] }),
  listener("resilience", resilienceVirtualHosts),
  listener("trusting", resilienceVirtualHosts, {
    ...TRUSTING,
    http_filters: [router({ respect_expected_rq_timeout: true })],
  }),
  listener("idle-stream", allTo("alpha"), { stream_idle_timeout: "0.6s" }),
  listener("replies-named", mainVirtualHosts, { local_reply_config: namedReplies() }),
];

export const LISTENER_COUNT = 2 * LISTENERS.length;

/** What answers of the proxy's own are told apart by, and come from. */
function namedReplies(): Json {
  const reply = (flags: string[], cause: string): Json => ({
    filter: { response_flag_filter: { flags } },
    headers_to_add: [
      { header: { key: "x-flags", value: "%RESPONSE_FLAGS%" } },
      { header: { key: "x-cause", value: cause } },
    ],
  });
  return { mappers: [reply(["NR"], "Service/default/shop"), reply([], "%ROUTE_NAME%")] };
}

function slashes(action: string): Json {
  return { ...NORMALISING, path_with_escaped_slashes_action: action };
}

function listener(
  name: string,
  virtualHosts: Json[],
  manager: Json = {},
  table: Json = {},
): CreateListener {
  return (accessLogPath, codec) => ({
    name: listenerFor(name, codec === "HTTP1" ? 1 : 2),
    address: socketAddress(0),
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              stat_prefix: name,
              codec_type: codec,
              http_filters: [router()],
              access_log: [accessLog(accessLogPath)],
              route_config: {
                name,
                validate_clusters: false,
                virtual_hosts: virtualHosts,
                ...table,
              },
              ...manager,
            },
          },
        ],
      },
    ],
  });
}

function accessLog(path: string): Json {
  return {
    name: "envoy.access_loggers.file",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
      path,
      log_format: {
        json_format: {
          case: "%REQ(X-CASE)%",
          listener: "%DOWNSTREAM_LOCAL_ADDRESS%",
          ...ACCESS_LOG_FIELDS,
        },
      },
    },
  };
}

function router(options: Json = {}): Json {
  const type = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
  return { name: "envoy.filters.http.router", typed_config: { "@type": type, ...options } };
}

function grpcWeb(): Json {
  const type = "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";
  return { name: "envoy.filters.http.grpc_web", typed_config: { "@type": type } };
}

function clusters(ports: UpstreamPorts): Json[] {
  const { alpha, beta, gamma, dead } = ports;
  return [
    cluster("alpha", [endpoints(at(alpha))]),
    cluster("beta", [endpoints(at(beta))]),
    cluster("gamma", [endpoints(at(gamma))]),
    cluster("dead", [endpoints(at(dead))]),
    cluster("half-dead", [endpoints(at(dead), at(beta))]),
    cluster("empty", []),
    cluster("sick", [endpoints(at(alpha, "UNHEALTHY"), at(beta, "UNHEALTHY"))], NO_PANIC),
    cluster("full", [endpoints(at(alpha))], {
      circuit_breakers: { thresholds: [{ max_requests: 0, max_pending_requests: 0 }] },
    }),
    ...Object.entries(RESILIENCE_CLUSTERS).map(([name, fields]) =>
      cluster(name, [endpoints(at(alpha))], fields),
    ),
    cluster("panic", [endpoints(at(alpha, "UNHEALTHY"))]),
    cluster("draining", [endpoints(at(alpha, "DRAINING"), at(beta, "HEALTHY"))], NO_PANIC),
    cluster(
      "priorities",
      [endpoints(at(alpha, "UNHEALTHY")), { ...endpoints(at(beta)), priority: 1 }],
      NO_PANIC,
    ),
  ];
}

const NO_PANIC: Json = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };

function cluster(name: string, localities: Json[], more: Json = {}): Json {
  return {
    name,
    type: "STATIC",
    connect_timeout: "2s",
    lb_policy: "ROUND_ROBIN",
    load_assignment: { cluster_name: name, endpoints: localities },
    ...more,
  };
}

function endpoints(...lb_endpoints: Json[]): Json {
  return { lb_endpoints };
}

function at(port: number, health_status = "UNKNOWN"): Json {
  return { endpoint: { address: socketAddress(port) }, health_status };
}

function socketAddress(port: number): Json {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
