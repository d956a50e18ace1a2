/** The Envoy v3 bootstrap file that starts both Envoy and our sidecar: one listener, one cluster. */
import { join } from "node:path";
import { SPIFFE_PREFIX } from "./certificates.ts";
import type { Protocol } from "./scenarios.ts";

const FILTERS = "type.googleapis.com/envoy.extensions.filters";
const TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";
/** Above any number of connections that is measured, so that no circuit breaker opens. */
const UNLIMITED = 100_000;
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export interface BootstrapOptions {
  readonly name: string;
  readonly adminPort: number;
  /** Folder with `ca.crt`, and `NAME.crt` and `NAME.key` for each name. */
  readonly certificates: string;
  /** Whether WebSocket is carried. */
  readonly hasTunnels?: boolean;
  /** `tlsAs` names the certificate to serve, `tlsPeer` the one identity that may connect. */
  readonly listener: TlsOptions & { readonly port: number };
  /** `tlsAs` names the client certificate, `tlsPeer` the one identity that the peer may have. */
  readonly cluster: TlsOptions & { readonly port: number; readonly protocol?: Protocol };
}

interface TlsOptions {
  readonly tlsAs?: string;
  readonly tlsPeer?: string;
}

export function writeBootstrap(options: BootstrapOptions): string {
  const { listener, cluster } = options;
  return JSON.stringify(
    {
      node: { id: options.name, cluster: "bench" },
      admin: { address: address(options.adminPort) },
      static_resources: {
        listeners: [
          {
            name: `port-${listener.port}`,
            traffic_direction: listener.tlsAs === undefined ? "OUTBOUND" : "INBOUND",
            address: address(listener.port),
            filter_chains: [
              { filters: [connectionManager(options.hasTunnels)], ...downstreamTls(options) },
            ],
          },
        ],
        clusters: [
          {
            name: "upstream",
            type: "STATIC",
            connect_timeout: "1s",
            load_assignment: {
              cluster_name: "upstream",
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(cluster.port) } }] }],
            },
            circuit_breakers: {
              thresholds: [
                {
                  max_connections: UNLIMITED,
                  max_pending_requests: UNLIMITED,
                  max_requests: UNLIMITED,
                },
              ],
            },
            ...upstreamProtocol(cluster.protocol, options.hasTunnels),
            ...upstreamTls(options),
          },
        ],
      },
    },
    null,
    1,
  );
}

function connectionManager(hasTunnels = false): object {
  const tunnels = {
    upgrade_configs: [{ upgrade_type: "websocket" }],
    http2_protocol_options: { allow_connect: true },
  };
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: "upstream",
      codec_type: "AUTO",
      ...(hasTunnels ? tunnels : {}),
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": `${FILTERS}.http.router.v3.Router` },
        },
      ],
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster: "upstream" } }],
          },
        ],
      },
    },
  };
}

function upstreamProtocol(protocol: Protocol = "http1", hasTunnels = false): object {
  if (protocol === "http1") return {};
  const config = { http2_protocol_options: hasTunnels ? { allow_connect: true } : {} };
  const typed = {
    "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
    explicit_http_config: config,
  };
  return { typed_extension_protocol_options: { [HTTP_OPTIONS]: typed } };
}

function downstreamTls(options: BootstrapOptions): object {
  const { tlsAs, tlsPeer } = options.listener;
  if (tlsAs === undefined) return {};
  return transportSocket({
    "@type": `${TLS}.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: commonTls(options, ["h2", "http/1.1"], tlsAs, tlsPeer),
  });
}

function upstreamTls(options: BootstrapOptions): object {
  const { tlsAs, tlsPeer, protocol } = options.cluster;
  if (tlsAs === undefined) return {};
  return transportSocket({
    "@type": `${TLS}.UpstreamTlsContext`,
    sni: tlsPeer,
    common_tls_context: commonTls(
      options,
      [protocol === "http2" ? "h2" : "http/1.1"],
      tlsAs,
      tlsPeer,
    ),
  });
}

function transportSocket(context: object): object {
  return { transport_socket: { name: "tls", typed_config: context } };
}

function commonTls(
  options: BootstrapOptions,
  alpn: readonly string[],
  own: string,
  peer?: string,
): object {
  const file = (name: string): object => ({ filename: join(options.certificates, name) });
  const names = [{ san_type: "URI", matcher: { exact: `${SPIFFE_PREFIX}${peer}` } }];
  return {
    alpn_protocols: alpn,
    tls_params: {
      tls_minimum_protocol_version: "TLSv1_3",
      tls_maximum_protocol_version: "TLSv1_3",
    },
    tls_certificates: [{ certificate_chain: file(`${own}.crt`), private_key: file(`${own}.key`) }],
    validation_context: {
      trusted_ca: file("ca.crt"),
      ...(peer === undefined ? {} : { match_typed_subject_alt_names: names }),
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
