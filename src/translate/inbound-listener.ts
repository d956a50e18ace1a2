/** Listeners for what others send to the app: by mutual TLS, unless a PeerAuthentication says otherwise. */
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../gen/envoy/config/core/v3/base_pb.js";
import type { Filter } from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManager_ForwardClientCertDetails } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { targetPortOf } from "../resource/kinds/service.ts";
import { inboundCluster } from "./cluster.ts";
import {
  INBOUND_IDLE_TIMEOUT_MS,
  INBOUND_KEEPALIVE_INTERVAL_MS,
  INBOUND_KEEPALIVE_TIMEOUT_MS,
  PROTOCOL_HEADER,
} from "./defaults.ts";
import {
  type FilterContribution,
  hostFilterConfigs,
  hostRateLimits,
} from "./filters/filter-contribution.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";
import { inboundRoutes } from "./inbound-routes.ts";
import { inboundReplies, REPLY_HEADERS } from "./local-replies.ts";
import { type IndexedService, isSelected, type MeshIndex } from "./mesh-index.ts";
import type { MeshInstancePort, ProxyScope } from "./mesh-snapshot.ts";
import { duration, resourceOf, socketAddress } from "./message.ts";
import { mtlsChains } from "./mtls-chains.ts";
import { inboundHttp2Name, inboundListenerName, inboundName, qualifiedName } from "./names.ts";
import type { ListenerChains } from "./outbound-chains.ts";
import type { PortMtls } from "./peer-authentication.ts";
import { protocolMetadata } from "./protocol-metadata.ts";
import type { AuthorizationFilters } from "./rbac/authorization.ts";
import { tcpProxy } from "./tcp-proxy.ts";
import { hasTelemetryReceiver } from "./telemetry/control-plane-cluster.ts";
import { type ListenerTelemetry, listenerTelemetry } from "./telemetry/listener-telemetry.ts";
import { metricsMetadata } from "./telemetry/metrics-metadata.ts";
import type { EffectiveTelemetry } from "./telemetry/telemetry-index.ts";
import { listenerTracing, tracingMetadata } from "./tracing/listener-tracing.ts";
import type { XdsResource } from "./translation.ts";

/**
 * The app learns from `x-forwarded-client-cert` who calls, as in Istio. Only from the certificate that was verified
 * here: what a caller writes into the field is not passed on (lesson T25).
 */
const CALLER_TO_APP = {
  forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
  setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
} as const;

/** The app's side of one sidecar. */
export interface InboundResources {
  readonly listeners: readonly XdsResource[];
  readonly clusters: readonly XdsResource[];
}

export function inboundResources(index: MeshIndex, scope: ProxyScope): InboundResources {
  const listeners: XdsResource[] = [];
  const clusters: XdsResource[] = [];
  for (const port of scope.ports) {
    if (port.inboundPort === undefined) continue;
    const shape = inboundShape(port.protocol);
    const services = servicesBehind(index, scope, port);
    const { inboundPort } = port;
    const workload = qualifiedName({ namespace: scope.namespace, name: scope.nodeId });
    const authorization = index.authorization.filtersOf({
      namespace: scope.namespace,
      labels: scope.labels,
      services: services.map(({ key }) => key),
      port: { app: port.port, listener: inboundPort },
    });
    const authentication = index.authentication.filtersOf({
      namespace: scope.namespace,
      labels: scope.labels,
      services: services.map(({ key }) => key),
    });
    const mtls = index.peers.modeOf(scope, port.port);
    const effective = index.telemetry.groupOf(scope).of(services.map(({ key }) => key));
    const telemetry = listenerTelemetry(effective, "SERVER", hasTelemetryReceiver(index.snapshot));
    const { tracing, metrics } = effective;
    const shared = { index, workload, address: scope.address, authentication, authorization };
    const told = { telemetry, tracing, metrics };
    const inbound = { ...shared, port, inboundPort, shape, services, mtls, ...told };
    listeners.push(inboundListener(inbound));
    clusters.push(...appClusters(inbound));
  }
  return { listeners, clusters };
}

/** What a port is good for: which versions of HTTP the app gets, and whether it gets bytes. */
interface InboundShape {
  readonly http: "http2" | "as-client" | undefined;
  readonly isOpaque: boolean;
}

/** `http` is what a port is when nobody says otherwise, so it takes opaque bytes too. */
function inboundShape(protocol: MeshInstancePort["protocol"]): InboundShape {
  switch (protocol) {
    case "http":
    case "auto":
      return { http: "as-client", isOpaque: true };
    case "http2":
    case "grpc":
      return { http: "http2", isOpaque: false };
    case "tcp":
    case "tls":
      return { http: undefined, isOpaque: true };
  }
}

interface InboundPort {
  readonly index: MeshIndex;
  /** `default/catalog-v1-x7k2p`. */
  readonly workload: string;
  readonly address: string;
  readonly port: MeshInstancePort;
  readonly inboundPort: number;
  readonly shape: InboundShape;
  /** That lead to it. */
  readonly services: readonly IndexedService[];
  /** Whose users they are. */
  readonly authentication: readonly FilterContribution[];
  /** How callers come. */
  readonly mtls: PortMtls;
  /** Who may call it. */
  readonly authorization: AuthorizationFilters;
  readonly telemetry: ListenerTelemetry;
  readonly tracing: EffectiveTelemetry["tracing"];
  readonly metrics: EffectiveTelemetry["metrics"];
}

function inboundListener(inbound: InboundPort): XdsResource {
  const { address, port, inboundPort, mtls } = inbound;
  const name = inboundListenerName(inboundPort);
  const listener = create(ListenerSchema, {
    name,
    address: socketAddress(address, inboundPort),
    ...inboundChains(inbound),
    trafficDirection: TrafficDirection.INBOUND,
    metadata: protocolMetadata(
      ...([port.protocol, "the instance's port", mtls] as const),
      tracingMetadata(inbound.tracing, inbound.index.snapshot),
      metricsMetadata(inbound.metrics, "SERVER"),
    ),
  });
  return resourceOf(ListenerSchema, name, listener);
}

function inboundChains(inbound: InboundPort): ListenerChains {
  const { index, shape, services } = inbound;
  const { http, isOpaque } = shape;
  // A connection does not say by which Service it came: the first that has limits holds.
  const limits =
    services.find(({ filters }) => filters.inboundConnections.length > 0)?.filters
      .inboundConnections ?? [];
  const stream = isOpaque
    ? [...limits, ...inbound.authorization.connections, streamFilter(inbound)]
    : undefined;
  const requests = http === undefined ? undefined : [...limits, requestFilter(inbound, http)];
  const filters = { http: requests, stream };
  return mtlsChains(inbound.mtls.mode, filters, index.detectionTimeoutMs);
}

/** Idle limits are the caller's business, as for requests: this side's are longer. */
function streamFilter({ port, telemetry }: InboundPort): Filter {
  const clusterName = inboundName(port.port);
  return tcpProxy({
    statPrefix: clusterName,
    backends: [{ clusterName, weight: 1 }],
    idleTimeoutMs: INBOUND_IDLE_TIMEOUT_MS,
    accessLog: telemetry.accessLogs,
  });
}

/**
 * The routes have no timeout of their own: the caller's sidecar knows the rule and its policy. What they retry is
 * only a connection to the app that broke before the request was written to it.
 */
function requestFilter(
  {
    index,
    workload,
    port,
    services,
    authentication,
    authorization,
    telemetry,
    tracing,
  }: InboundPort,
  http: NonNullable<InboundShape["http"]>,
): Filter {
  const target = inboundName(port.port);
  const contributions = [
    ...authentication,
    ...authorization.http,
    ...inboundContributions(services),
  ];
  const { accessLogs, ...told } = telemetry;
  return httpConnectionManager({
    statPrefix: target,
    accessLog: [...accessLogs],
    ...told,
    tracing: listenerTracing(tracing, index.snapshot, false),
    commonHttpProtocolOptions: { idleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS) },
    streamIdleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS),
    paths: index.paths,
    ...CALLER_TO_APP,
    xffNumTrustedHops: index.trustedHops,
    translatesGrpcWeb: port.protocol === "grpc",
    filters: contributions,
    keepalive: {
      interval: duration(INBOUND_KEEPALIVE_INTERVAL_MS),
      timeout: duration(INBOUND_KEEPALIVE_TIMEOUT_MS),
    },
    localReplyConfig: inboundReplies(workload, contributions),
    routeSpecifier: {
      case: "routeConfig",
      value: {
        name: target,
        requestHeadersToRemove: [PROTOCOL_HEADER],
        responseHeadersToRemove: [...REPLY_HEADERS],
        virtualHosts: [
          {
            name: target,
            domains: ["*"],
            routes: inboundRoutes(port.port, http),
            typedPerFilterConfig: hostFilterConfigs(contributions),
            rateLimits: hostRateLimits(contributions),
          },
        ],
        // Clusters come in a message of their own, maybe after this one.
        validateClusters: false,
      },
    },
  });
}

/** How the app itself is reached: by HTTP/1.1 and as a stream of bytes, by HTTP/2, or by either. */
function appClusters({ port, shape, services }: InboundPort): readonly XdsResource[] {
  const shared = { appPort: port.port, services };
  const clusters: XdsResource[] = [];
  if (shape.http !== "http2") {
    clusters.push(inboundCluster({ ...shared, name: inboundName(port.port), codec: "http1" }));
  }
  if (shape.http !== undefined) {
    clusters.push(inboundCluster({ ...shared, name: inboundHttp2Name(port.port), codec: "http2" }));
  }
  return clusters;
}

/** A request does not say by which Service it came: of several that bring one filter the first holds. */
function inboundContributions(services: readonly IndexedService[]): readonly FilterContribution[] {
  const byName = new Map<string, FilterContribution>();
  for (const contribution of services.flatMap(({ filters }) => filters.inbound)) {
    if (!byName.has(contribution.name)) byName.set(contribution.name, contribution);
  }
  return [...byName.values()];
}

/** Services that lead to this port of the app, for the labels of its metrics. */
function servicesBehind(
  index: MeshIndex,
  scope: ProxyScope,
  port: MeshInstancePort,
): readonly IndexedService[] {
  return index.services.filter(({ service, ports }) => {
    const { metadata, spec } = service.resource;
    if (metadata.namespace !== scope.namespace || !isSelected(scope.labels, spec.selector)) {
      return false;
    }
    return ports.some((candidate) => {
      const wanted = targetPortOf(candidate.port);
      return wanted === port.port || wanted === port.name;
    });
  });
}
