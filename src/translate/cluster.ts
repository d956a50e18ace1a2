/** Clusters: of each routed Service port towards its instances, of each app port towards the app itself. */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from "../gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { RoutingPriority, type TransportSocket } from "../gen/envoy/config/core/v3/base_pb.js";
import type {
  Http2ProtocolOptions,
  Http2ProtocolOptionsSchema,
  KeepaliveSettingsSchema,
} from "../gen/envoy/config/core/v3/protocol_pb.js";
import { HttpProtocolOptionsSchema } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { mayBeHttp } from "../resource/port-protocol.ts";
import {
  APP_ADDRESS,
  APP_CONNECT_TIMEOUT_MS,
  APP_IDLE_TIMEOUT_MS,
  CIRCUIT_BREAKER_UNLIMITED,
  MESH_KEEPALIVE_IDLE_INTERVAL_MS,
  MESH_KEEPALIVE_INTERVAL_MS,
  MESH_KEEPALIVE_TIMEOUT_MS,
  TCP_ALPN,
} from "./defaults.ts";
import type { DataPlaneFeatures } from "./features.ts";
import { translateLoadBalancer } from "./load-balancing-policy.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import { adsConfigSource, duration, pack, resourceOf, socketAddress } from "./message.ts";
import { compareText, sniOf, spiffeId } from "./names.ts";
import type { XdsResource } from "./translation.ts";
import { upstreamTls } from "./transport-socket.ts";

/** The key of the HTTP options in a cluster's extension options. */
const HTTP_PROTOCOL_OPTIONS = HttpProtocolOptionsSchema.typeName;

/** The clusters of a Service port. Their endpoints come by EDS under the port's name. */
export function outboundClusters(
  service: IndexedService,
  port: IndexedPort,
  index: MeshIndex,
): readonly XdsResource[] {
  const { trustDomain } = index.snapshot;
  const shared = {
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS } as const,
    edsClusterConfig: { edsConfig: adsConfigSource(), serviceName: port.name },
    connectTimeout: duration(service.settings.connectTimeoutMs),
    loadBalancingPolicy: translateLoadBalancer(service.settings.algorithm),
    metadata: { filterMetadata: { istio: servicesMetadata([service]) } },
  };
  const clusters: XdsResource[] = [];
  if (mayBeHttp(port.protocol)) {
    const alpn = index.features.meshHop === "http2" ? ["h2"] : ["http/1.1"];
    clusters.push(
      clusterResource(port.name, {
        ...shared,
        typedExtensionProtocolOptions: httpOptions(
          service.settings.connectionIdleTimeoutMs,
          outboundCodec(port, index.features),
        ),
        ...transportSocketOf(service, port, { trustDomain, alpn }),
      }),
    );
  }
  if (port.tcpCluster !== undefined) {
    clusters.push(
      clusterResource(port.tcpCluster, {
        ...shared,
        ...transportSocketOf(service, port, { trustDomain, alpn: TCP_ALPN }),
      }),
    );
  }
  return clusters;
}

/** The app's own cluster, and what it is spoken to in. */
export interface InboundClusterOptions {
  readonly name: string;
  readonly appPort: number;
  readonly codec: "http1" | "http2";
  readonly features: DataPlaneFeatures;
  /** Those that lead to this port, for metrics. */
  readonly services: readonly IndexedService[];
}

/** The cluster of the app beside the sidecar. */
export function inboundCluster(options: InboundClusterOptions): XdsResource {
  const { name, appPort, codec, features, services } = options;
  return clusterResource(name, {
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    loadAssignment: {
      clusterName: name,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: "endpoint",
                value: { address: socketAddress(APP_ADDRESS, appPort) },
              },
            },
          ],
        },
      ],
    },
    connectTimeout: duration(APP_CONNECT_TIMEOUT_MS),
    loadBalancingPolicy: translateLoadBalancer("RoundRobin"),
    typedExtensionProtocolOptions: httpOptions(
      APP_IDLE_TIMEOUT_MS,
      codec === "http2" ? http2(features) : HTTP1,
    ),
    metadata: { filterMetadata: { istio: servicesMetadata(services) } },
  });
}

type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, Cluster>;

function clusterResource(name: string, init: ClusterInit): XdsResource {
  const cluster = create(ClusterSchema, {
    name,
    circuitBreakers: unlimitedCircuitBreakers(),
    // Without panic mode a request never goes to an instance that is known to be gone: it gets a 503.
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    ...init,
  });
  return resourceOf(ClusterSchema, name, cluster);
}

/** Whether callers reach the instances by mutual TLS. A port without instances is for meshed ones to come. */
export function isMeshed(port: IndexedPort): boolean {
  return port.targets.every((target) => target.isMeshed);
}

/**
 * TLS to the identities behind the Service, or none when no instance has a sidecar. A Service without
 * instances asks for the identity that its first one has by default, never for none.
 */
function transportSocketOf(
  service: IndexedService,
  port: IndexedPort,
  options: { readonly trustDomain: string; readonly alpn: readonly string[] },
): { readonly transportSocket?: TransportSocket } {
  const { trustDomain, alpn } = options;
  if (!isMeshed(port)) return {};
  const { name, namespace } = service.service.resource.metadata;
  const identities = new Set(
    port.targets.map(({ instance }) =>
      spiffeId(trustDomain, instance.namespace, instance.serviceAccount),
    ),
  );
  if (identities.size === 0) identities.add(spiffeId(trustDomain, namespace, name));
  const sni = sniOf(service.host, port.port.port);
  return {
    transportSocket: upstreamTls({ sni, alpn, spiffeIds: [...identities].sort(compareText) }),
  };
}

type Codec = NonNullable<
  MessageInitShape<typeof HttpProtocolOptionsSchema>["upstreamProtocolOptions"]
>;

/** Between sidecars what they agree on; to an app without one what it is declared to speak, else what its client does. */
function outboundCodec(port: IndexedPort, features: DataPlaneFeatures): Codec {
  if (features.meshHop === "http1") return HTTP1;
  if (isMeshed(port)) return http2(features, { connectionKeepalive: meshKeepalive() });
  if (port.protocol === "http2" || port.protocol === "grpc") return http2(features);
  return {
    case: "useDownstreamProtocolConfig",
    value: { httpProtocolOptions: {}, http2ProtocolOptions: http2Options(features) },
  };
}

const HTTP1: Codec = {
  case: "explicitHttpConfig",
  value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
};

function http2(
  features: DataPlaneFeatures,
  more: Exclude<MessageInitShape<typeof Http2ProtocolOptionsSchema>, Http2ProtocolOptions> = {},
): Codec {
  const value = { ...http2Options(features), ...more };
  return {
    case: "explicitHttpConfig",
    value: { protocolConfig: { case: "http2ProtocolOptions", value } },
  };
}

/** The other end is a sidecar, to which a PING is nothing. */
function meshKeepalive(): MessageInitShape<typeof KeepaliveSettingsSchema> {
  return {
    interval: duration(MESH_KEEPALIVE_INTERVAL_MS),
    timeout: duration(MESH_KEEPALIVE_TIMEOUT_MS),
    connectionIdleInterval: duration(MESH_KEEPALIVE_IDLE_INTERVAL_MS),
  };
}

/** Extended CONNECT carries WebSocket (RFC 8441). */
function http2Options({ upgrades }: DataPlaneFeatures): { readonly allowConnect?: boolean } {
  return upgrades ? { allowConnect: true } : {};
}

function httpOptions(idleTimeoutMs: number, upstreamProtocolOptions: Codec): Record<string, Any> {
  const options = create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(idleTimeoutMs) },
    upstreamProtocolOptions,
  });
  return { [HTTP_PROTOCOL_OPTIONS]: pack(HttpProtocolOptionsSchema, options) };
}

function unlimitedCircuitBreakers(): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        priority: RoutingPriority.DEFAULT,
        maxConnections: CIRCUIT_BREAKER_UNLIMITED,
        maxPendingRequests: CIRCUIT_BREAKER_UNLIMITED,
        maxRequests: CIRCUIT_BREAKER_UNLIMITED,
        maxRetries: CIRCUIT_BREAKER_UNLIMITED,
      },
    ],
  });
}

/** Istio's form, from which a proxy takes the `destination_service*` labels of its metrics. */
function servicesMetadata(services: readonly IndexedService[]): JsonObject {
  return {
    services: services.map(({ host, service }) => {
      const { name, namespace } = service.resource.metadata;
      return { host, name, namespace };
    }),
  };
}
