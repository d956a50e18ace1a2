/** Listeners of TCP: opaque ones, chosen by SNI, and told from HTTP by their first bytes. */
import type { JsonObject } from "@bufbuild/protobuf";
import { listenerFilter, tcpFilter } from "../support/tcp-fixture.ts";
import { allTo } from "./static-routes.ts";

type Json = JsonObject;

/** Ports by cluster. */
export type TcpPorts = Readonly<Record<string, number>>;

/** Upstreams of one cluster, among which the address of the client decides. */
export const HASHED_NAMES = ["hashed-0", "hashed-1", "hashed-2", "hashed-3", "hashed-4"] as const;

const to = (cluster: string, match?: Json): Json => ({
  ...(match === undefined ? {} : { filter_chain_match: match }),
  filters: [tcpFilter(cluster)],
});

const byName: Json = {
  listener_filters: [listenerFilter("tls_inspector")],
  filter_chains: [
    to("tls-a", { server_names: ["a.example"] }),
    to("tls-b", { server_names: ["*.b.example"] }),
  ],
};

function http(codec_type: string, match: Json): Json {
  const typed_config = {
    "@type":
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: codec_type,
    codec_type,
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
      },
    ],
    route_config: { name: codec_type, virtual_hosts: allTo("web") },
  };
  return {
    filter_chain_match: match,
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config }],
  };
}

const LISTENERS: Readonly<Record<string, Json>> = {
  ...Object.fromEntries(
    ["opaque", "dead", "empty", "missing", "greeting", "closing", "resetting"].map((name) => [
      name,
      { filter_chains: [to(name)] },
    ]),
  ),
  hashed: {
    filter_chains: [{ filters: [tcpFilter("hashed", { hash_policy: [{ source_ip: {} }] })] }],
  },
  sni: byName,
  "sni-or-rest": { ...byName, default_filter_chain: to("opaque") },
  detected: {
    listener_filters: [listenerFilter("tls_inspector"), listenerFilter("http_inspector")],
    filter_chains: [
      http("HTTP1", { application_protocols: ["http/1.0", "http/1.1"] }),
      http("HTTP2", { application_protocols: ["h2c"] }),
      to("tls-a", { transport_protocol: "tls" }),
    ],
    default_filter_chain: to("opaque"),
  },
};

export const TCP_LISTENER_COUNT = Object.keys(LISTENERS).length;

export function tcpOracleBootstrap(ports: TcpPorts): Json {
  const address = (port_value: number): Json => ({
    socket_address: { address: "127.0.0.1", port_value },
  });
  return {
    node: { id: "oracle", cluster: "oracle" },
    static_resources: {
      listeners: Object.entries(LISTENERS).map(([name, listener]) => ({
        name,
        address: address(0),
        ...listener,
      })),
      clusters: [
        ...[...Object.entries(ports), ["empty", 0] as const].map(([name, port]) => ({
          name,
          type: "STATIC",
          connect_timeout: "2s",
          load_assignment: {
            cluster_name: name,
            endpoints:
              port === 0 ? [] : [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
          },
        })),
        hashedCluster(ports),
      ],
    },
  };
}

function hashedCluster(ports: TcpPorts): Json {
  const lb_endpoints = HASHED_NAMES.map((name) => ({
    endpoint: {
      address: { socket_address: { address: "127.0.0.1", port_value: ports[name] ?? 0 } },
    },
    // Ports are others in each run.
    metadata: { filter_metadata: { "envoy.lb": { hash_key: name } } },
  }));
  return {
    ...{ name: "hashed", type: "STATIC", connect_timeout: "2s", lb_policy: "RING_HASH" },
    load_assignment: { cluster_name: "hashed", endpoints: [{ lb_endpoints }] },
  };
}
