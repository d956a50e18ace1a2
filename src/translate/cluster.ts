/** Clusters: of each routed Service port towards its instances, of each app port towards the app itself. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { Cluster_DiscoveryType, ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TransportSocket } from "../gen/envoy/config/core/v3/base_pb.js";
import { durationMs } from "../resource/duration.ts";
import { mayBeHttp } from "../resource/port-protocol.ts";
import { circuitBreakers, unlimitedCircuitBreakers } from "./circuit-breakers.ts";
import { healthCheck, outlierDetection } from "./cluster-health.ts";
import type { ClusterInit } from "./cluster-init.ts";
import { APP_ADDRESS, APP_CONNECT_TIMEOUT_MS, APP_IDLE_TIMEOUT_MS, TCP_ALPN } from "./defaults.ts";
import { externalClusterParts } from "./external-cluster.ts";
import { failoverClusters } from "./failover-cluster.ts";
import { onlyEndpoint, translateLoadBalancer } from "./load-balancing-policy.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import { adsConfigSource, duration, resourceOf, socketAddress } from "./message.ts";
import { compareText, sniOf, spiffeId } from "./names.ts";
import type { XdsResource } from "./translation.ts";
import { upstreamTls } from "./transport-socket.ts";
import {
  type Codec,
  connectionLimits,
  connectionOptions,
  HTTP1,
  http2,
  httpOptions,
  outboundCodec,
  streamLimits,
} from "./upstream-http.ts";

/** What tells apart the two ways in which a port may be used. */
interface Carried {
  readonly name: string;
  readonly alpn: readonly string[];
  readonly isHttp: boolean;
}

/** The clusters of a Service port. Their endpoints come by EDS under the port's name. */
export function outboundClusters(
  service: IndexedService,
  port: IndexedPort,
  index: MeshIndex,
): readonly XdsResource[] {
  const clusters: XdsResource[] = [];
  if (mayBeHttp(port.protocol)) {
    const carried = { name: port.name, alpn: ["h2"], isHttp: true };
    clusters.push(outboundCluster(service, port, carried, index));
  }
  if (port.tcpCluster !== undefined) {
    const carried = { name: port.tcpCluster, alpn: TCP_ALPN, isHttp: false };
    clusters.push(outboundCluster(service, port, carried, index));
  }
  return [...clusters, ...failoverClusters(service, port, index)];
}

function outboundCluster(
  service: IndexedService,
  port: IndexedPort,
  carried: Carried,
  index: MeshIndex,
): XdsResource {
  const { settings } = service;
  const pool = settings.connectionPool;
  const { panicThreshold } = settings.loadBalancer;
  const http = {
    typedExtensionProtocolOptions: httpOptions(
      durationMs(settings.timeouts.connectionIdle),
      codecOf(service, port),
      { ...connectionLimits(pool), ...streamLimits(durationMs(settings.timeouts.stream)) },
    ),
  };
  return clusterResource(carried.name, {
    ...endpointsOf(service, port, carried, index),
    connectTimeout: duration(durationMs(settings.connectTimeout)),
    loadBalancingPolicy: translateLoadBalancer(settings.loadBalancer),
    commonLbConfig: {
      // 0: a request never goes to an instance that is known to be gone. It gets a 503.
      healthyPanicThreshold: { value: panicThreshold },
    },
    circuitBreakers: circuitBreakers(settings),
    ...healthOf(service, port, carried),
    ...connectionOptions(pool),
    ...(carried.isHttp ? http : {}),
    metadata: { filterMetadata: { istio: servicesMetadata([service]) } },
  });
}

/** By TLS of the sidecar's own making a client's HTTP/2 and HTTP/1.1 would need ALPN of their own: it is as declared. */
function codecOf({ settings, external }: IndexedService, port: IndexedPort): Codec {
  if (external?.spec.tls !== undefined && !isHttp2Only(port)) return HTTP1;
  const pool = settings.connectionPool;
  return outboundCodec({ protocol: port.protocol, isMeshed: isMeshed(port), pool });
}

/** Where the instances are and how they are proven: from the control plane, or from a host outside the mesh. */
function endpointsOf(
  service: IndexedService,
  port: IndexedPort,
  carried: Carried,
  index: MeshIndex,
): ClusterInit {
  if (service.external !== undefined) {
    return externalClusterParts(service.external, port, carried);
  }
  return {
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: adsConfigSource(), serviceName: port.name },
    ...transportSocketOf(service, port, {
      trustDomain: index.snapshot.trustDomain,
      alpn: carried.alpn,
    }),
  };
}

function healthOf(
  { settings, host }: IndexedService,
  port: IndexedPort,
  { isHttp }: Carried,
): ClusterInit {
  const outliers = outlierDetection(settings.outlierDetection);
  const check = settings.healthCheck;
  // A stream of bytes cannot be asked in HTTP: between sidecars its connections go to the app unread.
  const isPossible = isHttp || check?.tcp !== undefined;
  const codec = isMeshed(port) || isHttp2Only(port) ? "http2" : "http1";
  return {
    ...(outliers === undefined ? {} : { outlierDetection: outliers }),
    ...(check === undefined || !isPossible
      ? {}
      : { healthChecks: [healthCheck(check, { host, codec })] }),
  };
}

function isHttp2Only({ protocol }: IndexedPort): boolean {
  return protocol === "http2" || protocol === "grpc";
}

/** The app's own cluster, and what it is spoken to in. */
export interface InboundClusterOptions {
  readonly name: string;
  readonly appPort: number;
  readonly codec: "http1" | "http2";
  /** Those that lead to this port, for metrics. */
  readonly services: readonly IndexedService[];
}

/** The cluster of the app beside the sidecar. */
export function inboundCluster(options: InboundClusterOptions): XdsResource {
  const { name, appPort, codec, services } = options;
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
    loadBalancingPolicy: onlyEndpoint(),
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    circuitBreakers: unlimitedCircuitBreakers(),
    typedExtensionProtocolOptions: httpOptions(
      APP_IDLE_TIMEOUT_MS,
      codec === "http2" ? http2() : HTTP1,
    ),
    metadata: { filterMetadata: { istio: servicesMetadata(services) } },
  });
}

function clusterResource(name: string, init: ClusterInit): XdsResource {
  return resourceOf(ClusterSchema, name, create(ClusterSchema, { name, ...init }));
}

/** Whether the instances have sidecars. A port without instances is for meshed ones to come. */
export function isMeshed(port: IndexedPort): boolean {
  return !port.isExternal && port.targets.every((target) => target.isMeshed);
}

/** Whether callers reach the instances by mutual TLS. */
function isSecure(port: IndexedPort): boolean {
  return !port.isExternal && port.targets.every((target) => target.isSecure);
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
  if (!isSecure(port)) return {};
  const { name, namespace } = service.service.resource.metadata;
  const identities = new Set(
    port.targets.map(({ instance }) =>
      spiffeId(instance.trustDomain ?? trustDomain, instance.namespace, instance.serviceAccount),
    ),
  );
  if (identities.size === 0) identities.add(spiffeId(trustDomain, namespace, name));
  const sni = sniOf(service.host, port.port.port);
  return {
    transportSocket: upstreamTls({ sni, alpn, spiffeIds: [...identities].sort(compareText) }),
  };
}

/** Istio's form, from which a proxy takes the `destination_service*` labels of its metrics. */
export function servicesMetadata(services: readonly IndexedService[]): JsonObject {
  return {
    services: services.map(({ host, service }) => {
      const { name, namespace } = service.resource.metadata;
      return { host, name, namespace };
    }),
  };
}
