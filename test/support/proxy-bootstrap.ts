/** Bootstrap files for the data plane, in the few words that a test needs. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

type Json = JsonObject;

const FILTERS = "type.googleapis.com/envoy.extensions.filters";
const TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

export interface ListenerSpec {
  readonly name?: string;
  readonly port?: number;
  readonly direction?: "INBOUND" | "OUTBOUND";
  /** Routes of the one virtual host, or the name of a cluster that gets everything. */
  readonly routes: string | readonly Json[];
  /** More fields of the HttpConnectionManager. */
  readonly manager?: Json;
  readonly tls?: Json;
  /** Of the listener. */
  readonly metadata?: Json;
}

export interface ClusterSpec {
  readonly name: string;
  /** Ports on 127.0.0.1, or whole `lb_endpoints`. */
  readonly endpoints: readonly (number | Json)[];
  readonly fields?: Json;
  readonly tls?: Json;
}

export function bootstrapOf(
  listeners: readonly ListenerSpec[],
  clusters: readonly ClusterSpec[],
  more: Json = {},
): Json {
  return {
    node: { id: "test", cluster: "test" },
    ...more,
    static_resources: {
      listeners: listeners.map(listenerJson),
      clusters: clusters.map(clusterJson),
    },
  };
}

export function listenerJson(spec: ListenerSpec): Json {
  const { name = "main", port = 0, direction = "OUTBOUND", routes, manager = {}, tls } = spec;
  const chain: Json = {
    filters: [
      {
        name: "http",
        typed_config: {
          "@type": `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
          stat_prefix: name,
          ...("rds" in manager ? {} : { route_config: routeConfig(routes) }),
          http_filters: [
            {
              name: "router",
              typed_config: { "@type": `${FILTERS}.http.router.v3.Router` },
            },
          ],
          ...manager,
        },
      },
    ],
  };
  if (tls !== undefined) {
    chain["transport_socket"] = {
      name: "tls",
      typed_config: { "@type": `${TLS}.DownstreamTlsContext`, ...tls },
    };
  }
  return {
    ...{ name, address: address(port), traffic_direction: direction, filter_chains: [chain] },
    ...(spec.metadata === undefined ? {} : { metadata: spec.metadata }),
  };
}

export function routeConfig(routes: string | readonly Json[], name = "routes"): Json {
  const list = typeof routes === "string" ? [routeTo(routes)] : [...routes];
  return { name, virtual_hosts: [{ name: "all", domains: ["*"], routes: list }] };
}

/** A route for everything. */
export function routeTo(cluster: string, action: Json = {}, match: Json = { prefix: "/" }): Json {
  return { match, route: { cluster, ...action } };
}

export function clusterJson({ name, endpoints, fields = {}, tls }: ClusterSpec): Json {
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: assignment(name, endpoints),
    ...(tls === undefined
      ? {}
      : {
          transport_socket: {
            name: "tls",
            typed_config: { "@type": `${TLS}.UpstreamTlsContext`, ...tls },
          },
        }),
    ...fields,
  };
}

export function assignment(name: string, endpoints: readonly (number | Json)[]): Json {
  const list: JsonValue[] = endpoints.map((endpoint) =>
    typeof endpoint === "number" ? { endpoint: { address: address(endpoint) } } : endpoint,
  );
  return { cluster_name: name, endpoints: [{ lb_endpoints: list }] };
}

export function address(port: number, host = "127.0.0.1"): Json {
  return { socket_address: { address: host, port_value: port } };
}

/** Envoy's options for the connections of a cluster. */
export function idleTimeout(duration: string): Json {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    [type]: {
      "@type": `type.googleapis.com/${type}`,
      common_http_protocol_options: { idle_timeout: duration },
      explicit_http_config: { http_protocol_options: {} },
    },
  };
}
