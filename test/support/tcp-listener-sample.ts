/** A listener of the bootstrap sample with everything that comes before HTTP or stands in its place. */
import type { JsonObject } from "@bufbuild/protobuf";
import { CONNECTION_AUTHZ } from "./ext-authz-sample.ts";
import { CONNECTION_RBAC } from "./rbac-sample.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters";

function listenerFilter(type: string, json: JsonObject = {}): JsonObject {
  return { name: type, typed_config: { "@type": `${TYPE}.listener.${type}`, ...json } };
}

function networkFilter(type: string, json: JsonObject): JsonObject {
  return { name: type, typed_config: { "@type": `${TYPE}.network.${type}`, ...json } };
}

function tcpProxy(json: JsonObject): JsonObject {
  const typed_config = { "@type": `${TYPE}.network.tcp_proxy.v3.TcpProxy`, ...json };
  return { name: "envoy.filters.network.tcp_proxy", typed_config };
}

export const TCP_LISTENER: JsonObject = {
  name: "tcp",
  address: { socket_address: { address: "127.0.0.1", port_value: 9_003 } },
  listener_filters: [
    listenerFilter("proxy_protocol.v3.ProxyProtocol", {
      allow_requests_without_proxy_protocol: true,
    }),
    listenerFilter("tls_inspector.v3.TlsInspector"),
    listenerFilter("http_inspector.v3.HttpInspector"),
  ],
  listener_filters_timeout: "5s",
  continue_on_listener_filters_timeout: true,
  filter_chains: [
    {
      name: "passthrough",
      metadata: { filter_metadata: {} },
      filter_chain_match: {
        destination_port: 9_003,
        server_names: ["a.example", "*.b.example"],
        transport_protocol: "tls",
        application_protocols: ["h2"],
      },
      filters: [
        networkFilter("connection_limit.v3.ConnectionLimit", {
          stat_prefix: "limit",
          max_connections: 1_000,
        }),
        networkFilter("local_ratelimit.v3.LocalRateLimit", {
          stat_prefix: "rate",
          token_bucket: { max_tokens: 100, tokens_per_fill: 50, fill_interval: "1s" },
        }),
        CONNECTION_RBAC,
        CONNECTION_AUTHZ,
        tcpProxy({
          stat_prefix: "passthrough",
          weighted_clusters: { clusters: [{ name: "everything", weight: 1 }] },
          idle_timeout: "60s",
          max_connect_attempts: 2,
          hash_policy: [{ source_ip: {} }],
          access_log: [
            {
              name: "log",
              typed_config: {
                "@type":
                  "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
              },
            },
          ],
        }),
      ],
    },
  ],
  default_filter_chain: { filters: [tcpProxy({ stat_prefix: "rest", cluster: "contained" })] },
};

/** A cluster whose connections begin with a PROXY header. */
export const PROXIED_CLUSTER: JsonObject = {
  name: "proxied",
  transport_socket: {
    name: "envoy.transport_sockets.upstream_proxy_protocol",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
      config: { version: "V2" },
      transport_socket: {
        name: "envoy.transport_sockets.raw_buffer",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
        },
      },
    },
  },
};
