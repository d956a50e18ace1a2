/** Clusters: one per routed Service port towards its instances, one per app port towards the app itself. */
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
import { HttpProtocolOptionsSchema } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import {
  APP_ADDRESS,
  APP_CONNECT_TIMEOUT_MS,
  APP_IDLE_TIMEOUT_MS,
  CIRCUIT_BREAKER_UNLIMITED,
} from "./defaults.ts";
import { translateLoadBalancer } from "./load-balancing-policy.ts";
import type { IndexedPort, IndexedService } from "./mesh-index.ts";
import { adsConfigSource, duration, pack, resourceOf, socketAddress } from "./message.ts";
import { compareText, inboundName, sniOf, spiffeId } from "./names.ts";
import type { XdsResource } from "./translation.ts";
import { upstreamTls } from "./transport-socket.ts";

/** The key of the HTTP options in a cluster's extension options. */
const HTTP_PROTOCOL_OPTIONS = HttpProtocolOptionsSchema.typeName;

/** The cluster of a Service port. Its endpoints come by EDS under the same name. */
export function outboundCluster(
  service: IndexedService,
  port: IndexedPort,
  trustDomain: string,
): XdsResource {
  const transportSocket = outboundTransportSocket(service, port, trustDomain);
  return clusterResource(port.name, {
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: adsConfigSource(), serviceName: port.name },
    connectTimeout: duration(service.settings.connectTimeoutMs),
    loadBalancingPolicy: translateLoadBalancer(service.settings.algorithm),
    typedExtensionProtocolOptions: http1Options(service.settings.connectionIdleTimeoutMs),
    metadata: { filterMetadata: { istio: servicesMetadata([service]) } },
    ...(transportSocket === undefined ? {} : { transportSocket }),
  });
}

/** The cluster of the app beside the sidecar. `services` are those that lead to this port, for metrics. */
export function inboundCluster(appPort: number, services: readonly IndexedService[]): XdsResource {
  const name = inboundName(appPort);
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
    typedExtensionProtocolOptions: http1Options(APP_IDLE_TIMEOUT_MS),
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

/**
 * TLS to the identities behind the Service, or none when no instance has a sidecar. A Service without
 * instances asks for the identity that its first one has by default, never for none.
 */
function outboundTransportSocket(
  service: IndexedService,
  port: IndexedPort,
  trustDomain: string,
): TransportSocket | undefined {
  if (port.targets.some((target) => !target.isMeshed)) return undefined;
  const { name, namespace } = service.service.resource.metadata;
  const identities = new Set(
    port.targets.map(({ instance }) =>
      spiffeId(trustDomain, instance.namespace, instance.serviceAccount),
    ),
  );
  if (identities.size === 0) identities.add(spiffeId(trustDomain, namespace, name));
  return upstreamTls({
    sni: sniOf(service.host, port.port.port),
    spiffeIds: [...identities].sort(compareText),
  });
}

function http1Options(idleTimeoutMs: number): Record<string, Any> {
  const options = create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(idleTimeoutMs) },
    upstreamProtocolOptions: {
      case: "explicitHttpConfig",
      value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
    },
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
