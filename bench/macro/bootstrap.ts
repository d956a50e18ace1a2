/** The Envoy v3 bootstrap file that starts both Envoy and our sidecar: one listener, one cluster in most cases. */
import { join } from "node:path";
import { SPIFFE_PREFIX } from "./certificates.ts";
import { clusterPolicies, filterPolicies, routePolicies, thresholdOf } from "./policies.ts";
import type { Protocol } from "./scenarios.ts";
import { listenerTelemetry, managerTelemetry, telemetryClusters } from "./telemetry.ts";
import { addressesOf, matchesOf, ONE_VARIANT, type Variant } from "./variants.ts";

const FILTERS = "type.googleapis.com/envoy.extensions.filters";
const TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";
const POLICIES = "type.googleapis.com/envoy.extensions.load_balancing_policies";
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const ROUND_ROBIN = policy("round_robin", { "@type": `${POLICIES}.round_robin.v3.RoundRobin` });
const LEAST_REQUEST = policy("least_request", {
  "@type": `${POLICIES}.least_request.v3.LeastRequest`,
});
const PEAK_EWMA = policy("peak_ewma", {
  ...typedStruct("peak_ewma.v3alpha.PeakEwma"),
  value: {},
});

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
  /** Where spans go; 0 where none are told. */
  readonly collectorPort?: number;
  /** One route, one endpoint and no policies when absent. */
  readonly variant?: Variant;
  /** A backend of its own behind one path. */
  readonly apart?: ApartBackend;
}

interface ApartBackend {
  readonly path: string;
  readonly port: number;
}

const APART = "apart";

interface TlsOptions {
  readonly tlsAs?: string;
  readonly tlsPeer?: string;
}

export function writeBootstrap(options: BootstrapOptions): string {
  const { listener, variant = ONE_VARIANT[0] } = options;
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
            ...listenerTelemetry(variant),
            filter_chains: [
              {
                filters: [connectionManager(variant, options)],
                ...downstreamTls(options),
              },
            ],
          },
        ],
        clusters: [
          ...Array.from({ length: variant.clusters }, (_, index) =>
            clusterAt(index, variant, options),
          ),
          ...(options.apart === undefined ? [] : [apartCluster(options.apart)]),
          ...telemetryClusters(variant, options.collectorPort ?? 0),
        ],
      },
    },
    null,
    1,
  );
}

function clusterAt(index: number, variant: Variant, options: BootstrapOptions): object {
  const { port, protocol } = options.cluster;
  const name = clusterName(index, variant);
  const endpoints = addressesOf(variant, index).map((host) => ({
    endpoint: { address: address(port, host) },
  }));
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    circuit_breakers: { thresholds: [thresholdOf(variant)] },
    ...clusterPolicies(variant),
    ...balancing(variant),
    ...upstreamProtocol(protocol, options.hasTunnels),
    ...upstreamTls(options),
  };
}

function apartCluster({ port }: ApartBackend): object {
  const endpoints = [{ endpoint: { address: address(port) } }];
  return {
    name: APART,
    type: "STATIC",
    load_assignment: { cluster_name: APART, endpoints: [{ lb_endpoints: endpoints }] },
  };
}

function clusterName(index: number, { clusters }: Variant): string {
  return clusters === 1 ? "upstream" : `upstream-${index % clusters}`;
}

function connectionManager(
  variant: Variant,
  { hasTunnels = false, apart }: BootstrapOptions,
): object {
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
      ...managerTelemetry(variant),
      http_filters: [
        ...filterPolicies(variant),
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
            routes: [...apartRoute(apart), ...routes(variant)],
          },
        ],
      },
    },
  };
}

function apartRoute(apart: ApartBackend | undefined): readonly object[] {
  return apart === undefined ? [] : [{ match: { path: apart.path }, route: { cluster: APART } }];
}

function routes(variant: Variant): readonly object[] {
  const matches = variant.routes === 1 ? [{ prefix: "/" }] : matchesOf(variant);
  return matches.map((match, index) => ({
    match,
    route: { cluster: clusterName(index, variant), ...routePolicies(variant) },
  }));
}

/** Envoy, which has neither peak-EWMA nor random subsetting, takes the next of the list, as it does in a mesh. */
function balancing({ balancer, subset }: Variant): object {
  if (balancer === "round-robin" && subset === undefined) return {};
  const plain = balancer === "round-robin" ? [ROUND_ROBIN] : [PEAK_EWMA, LEAST_REQUEST];
  const part = policy("random_subsetting", {
    ...typedStruct("random_subsetting.v3.RandomSubsetting"),
    value: { subset_size: subset, child_policy: { policies: plain } },
  });
  return { load_balancing_policy: { policies: subset === undefined ? plain : [part, ...plain] } };
}

function policy(name: string, config: object): object {
  return {
    typed_extension_config: { name: `envoy.load_balancing_policies.${name}`, typed_config: config },
  };
}

/** What a proxy that does not know the type passes over. */
function typedStruct(type: string): object {
  return {
    "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
    type_url: `${POLICIES}.${type}`,
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

function address(port: number, host = "127.0.0.1"): object {
  return { socket_address: { address: host, port_value: port } };
}
