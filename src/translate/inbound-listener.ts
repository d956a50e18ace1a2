/** Listeners for what others send to the app: mutual TLS in front of each port that it serves. */
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type Filter,
  FilterChainSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { targetPortOf } from "../resource/kinds/service.ts";
import { inboundCluster } from "./cluster.ts";
import {
  INBOUND_IDLE_TIMEOUT_MS,
  INBOUND_KEEPALIVE_INTERVAL_MS,
  INBOUND_KEEPALIVE_TIMEOUT_MS,
  PROTOCOL_HEADER,
  TCP_ALPN,
} from "./defaults.ts";
import type { DataPlaneFeatures } from "./features.ts";
import {
  type FilterContribution,
  hostFilterConfigs,
  hostRateLimits,
} from "./filters/filter-contribution.ts";
import { type FindingPlace, type Findings, within } from "./findings.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";
import { inboundRoutes } from "./inbound-routes.ts";
import { inspectTls } from "./listener-filters.ts";
import { inboundReplies, REPLY_HEADERS } from "./local-replies.ts";
import { type IndexedService, isSelected, type MeshIndex } from "./mesh-index.ts";
import type { MeshInstancePort, ProxyScope } from "./mesh-snapshot.ts";
import { duration, resourceOf, socketAddress } from "./message.ts";
import { inboundHttp2Name, inboundListenerName, inboundName, qualifiedName } from "./names.ts";
import type { ListenerChains } from "./outbound-chains.ts";
import { protocolMetadata } from "./protocol-metadata.ts";
import { tcpProxy } from "./tcp-proxy.ts";
import type { XdsResource } from "./translation.ts";
import { downstreamTls } from "./transport-socket.ts";

/** The app's side of one sidecar. */
export interface InboundResources {
  readonly listeners: readonly XdsResource[];
  readonly clusters: readonly XdsResource[];
}

export function inboundResources(
  index: MeshIndex,
  scope: ProxyScope,
  report: { readonly findings: Findings; readonly place: FindingPlace },
): InboundResources {
  const listeners: XdsResource[] = [];
  const clusters: XdsResource[] = [];
  for (const [position, port] of scope.ports.entries()) {
    if (port.inboundPort === undefined) continue;
    const shape = inboundShape(port.protocol, index.features);
    if (shape === undefined) {
      const place = within(report.place, `ports[${position}]`);
      const message = `port ${port.port} speaks ${port.protocol}; only HTTP/1.1 is accepted`;
      report.findings.add("protocol-unsupported", place, message);
      continue;
    }
    const services = servicesBehind(index, scope, port);
    const { inboundPort } = port;
    const workload = qualifiedName({ namespace: scope.namespace, name: scope.nodeId });
    const inbound = { index, workload, address: scope.address, port, inboundPort, shape, services };
    listeners.push(inboundListener(inbound));
    clusters.push(...appClusters(inbound));
  }
  return { listeners, clusters };
}

/** What a port is good for: which versions of HTTP the app gets, and whether it gets bytes. */
interface InboundShape {
  readonly http: "http1" | "http2" | "as-client" | undefined;
  readonly isOpaque: boolean;
}

/** `http` is what a port is when nobody says otherwise, so it takes opaque bytes too. */
function inboundShape(
  protocol: MeshInstancePort["protocol"],
  { meshHop, streams }: DataPlaneFeatures,
): InboundShape | undefined {
  switch (protocol) {
    case "http":
    case "auto":
      return { http: meshHop === "http2" ? "as-client" : "http1", isOpaque: streams };
    case "http2":
    case "grpc":
      return meshHop === "http2" ? { http: "http2", isOpaque: false } : undefined;
    case "tcp":
    case "tls":
      return streams ? { http: undefined, isOpaque: true } : undefined;
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
}

function inboundListener(inbound: InboundPort): XdsResource {
  const { address, port, inboundPort } = inbound;
  const name = inboundListenerName(inboundPort);
  const listener = create(ListenerSchema, {
    name,
    address: socketAddress(address, inboundPort),
    ...inboundChains(inbound),
    trafficDirection: TrafficDirection.INBOUND,
    metadata: protocolMetadata(port.protocol, "the instance's port"),
  });
  return resourceOf(ListenerSchema, name, listener);
}

function inboundChains(inbound: InboundPort): ListenerChains {
  const { index, port, shape, services } = inbound;
  const { http, isOpaque } = shape;
  // A connection does not say by which Service it came: the first that has limits holds.
  const limits =
    services.find(({ filters }) => filters.inboundConnections.length > 0)?.filters
      .inboundConnections ?? [];
  const opaque = {
    filters: [...limits, streamFilter(index, port)],
    transportSocket: downstreamTls(TCP_ALPN),
  };
  if (http === undefined) return { filterChains: [create(FilterChainSchema, opaque)] };
  const filters = [...limits, requestFilter(inbound, http)];
  const alpn = index.features.meshHop === "http2" ? ["h2", "http/1.1"] : ["http/1.1"];
  const httpChain = create(FilterChainSchema, { filters, transportSocket: downstreamTls(alpn) });
  if (!isOpaque) return { filterChains: [httpChain] };
  const streamChain = create(FilterChainSchema, {
    ...opaque,
    filterChainMatch: { applicationProtocols: [...TCP_ALPN] },
  });
  return { ...inspectTls(), filterChains: [streamChain], defaultFilterChain: httpChain };
}

/** Idle limits are the caller's business, as for requests: this side's are longer. */
function streamFilter(index: MeshIndex, port: MeshInstancePort): Filter {
  const clusterName = inboundName(port.port);
  return tcpProxy({
    statPrefix: clusterName,
    backends: [{ clusterName, weight: 1 }],
    idleTimeoutMs: INBOUND_IDLE_TIMEOUT_MS,
    accessLog: index.accessLogs,
  });
}

/**
 * The routes have no timeout of their own: the caller's sidecar knows the rule and its policy. What they retry is
 * only a connection to the app that broke before the request was written to it.
 */
function requestFilter(
  { index, workload, port, services }: InboundPort,
  http: NonNullable<InboundShape["http"]>,
): Filter {
  const target = inboundName(port.port);
  const contributions = inboundContributions(services);
  return httpConnectionManager(
    {
      statPrefix: target,
      accessLog: [...index.accessLogs],
      commonHttpProtocolOptions: { idleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS) },
      streamIdleTimeout: duration(INBOUND_IDLE_TIMEOUT_MS),
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
          requestHeadersToRemove: index.features.meshHop === "http2" ? [PROTOCOL_HEADER] : [],
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
    },
    index.features,
  );
}

/** How the app itself is reached: by HTTP/1.1 and as a stream of bytes, by HTTP/2, or by either. */
function appClusters({ index, port, shape, services }: InboundPort): readonly XdsResource[] {
  const shared = { appPort: port.port, features: index.features, services };
  const clusters: XdsResource[] = [];
  if (shape.http !== "http2") {
    clusters.push(inboundCluster({ ...shared, name: inboundName(port.port), codec: "http1" }));
  }
  if (shape.http === "http2" || shape.http === "as-client") {
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
