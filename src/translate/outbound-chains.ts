/**
 * What an outbound listener makes of a connection, by the protocol of its Service port:
 *
 * ```
 *   http, http2, grpc   HTTP
 *   tcp                 passed through, as TCPRoutes say
 *   tls                 passed through, by server name where TLSRoutes say so, else as TCPRoutes say
 *   undeclared          HTTP when it begins like it, TLS by server name, else passed through
 * ```
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { durationMs } from "../resource/duration.ts";
import type { TcpRoute } from "../resource/kinds/tcp-route.ts";
import type { TlsRoute } from "../resource/kinds/tls-route.ts";
import { NO_TRUSTED_HOPS } from "./defaults.ts";
import type { Findings } from "./findings.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";
import { detectProtocol, HTTP_APPLICATION_PROTOCOLS, inspectTls } from "./listener-filters.ts";
import { outboundReplies } from "./local-replies.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import { adsConfigSource, duration } from "./message.ts";
import { compareText, missingClusterName, qualifiedName } from "./names.ts";
import { compareAge } from "./object-order.ts";
import { type StreamRoute, streamBackends } from "./route/stream-backends.ts";
import { type StreamBackend, tcpProxy } from "./tcp-proxy.ts";
import { hasTelemetryReceiver } from "./telemetry/control-plane-cluster.ts";
import { type ListenerTelemetry, listenerTelemetry } from "./telemetry/listener-telemetry.ts";
import type { TelemetryGroup } from "./telemetry/telemetry-index.ts";
import { listenerTracing } from "./tracing/listener-tracing.ts";

/** The part of a listener that all sidecars share. */
export type ListenerChains = Pick<
  MessageInitShape<typeof ListenerSchema> & object,
  | "filterChains"
  | "defaultFilterChain"
  | "listenerFilters"
  | "listenerFiltersTimeout"
  | "continueOnListenerFiltersTimeout"
>;

export interface ChainsContext {
  readonly index: MeshIndex;
  readonly service: IndexedService;
  readonly port: IndexedPort;
  /** Of the callers. */
  readonly telemetry: TelemetryGroup;
  readonly findings: Findings;
}

/** The routes that callers of one group follow on a port. */
export interface StreamRoutes {
  readonly tcp: readonly TcpRoute[];
  readonly tls: readonly TlsRoute[];
}

export function outboundChains(routes: StreamRoutes, context: ChainsContext): ListenerChains {
  switch (context.port.protocol) {
    case "http":
    case "http2":
    case "grpc":
      return {
        filterChains: [
          create(FilterChainSchema, { filters: limited(httpFilter(context), context) }),
        ],
      };
    case "tcp":
      return { filterChains: [opaqueChain(routes, context)] };
    case "tls": {
      const chains = serverNameChains(routes, context);
      if (chains.length === 0) return { filterChains: [opaqueChain(routes, context)] };
      return { ...inspectTls(), filterChains: [...chains] };
    }
    case "undeclared": {
      const tlsChains = serverNameChains(routes, context);
      const otherTls = tlsChains.length === 0 ? [] : [closingChain(context)];
      return {
        ...detectProtocol(context.index.detectionTimeoutMs),
        filterChains: [
          create(FilterChainSchema, {
            filters: limited(httpFilter(context), context),
            filterChainMatch: {
              // HTTP within a client's own TLS shows the same names, by ALPN.
              transportProtocol: "raw_buffer",
              applicationProtocols: [...HTTP_APPLICATION_PROTOCOLS],
            },
          }),
          ...tlsChains,
          ...otherTls,
        ],
        defaultFilterChain: opaqueChain(routes, context),
      };
    }
  }
}

/** What serves the connections of a chain, behind what limits them. */
function limited(filter: Filter, { service }: ChainsContext): Filter[] {
  return [...service.filters.outboundConnections, filter];
}

function httpFilter(context: ChainsContext): Filter {
  const { index, service, port } = context;
  const { accessLogs, ...told } = telemetryOf(context);
  return httpConnectionManager({
    statPrefix: port.name,
    accessLog: [...accessLogs],
    ...told,
    tracing: listenerTracing(context.telemetry.of([service.key]).tracing, index.snapshot, false),
    streamIdleTimeout: duration(index.streamIdleTimeoutMs),
    paths: index.paths,
    // The app is the client, whatever it says of others.
    xffNumTrustedHops: NO_TRUSTED_HOPS,
    translatesGrpcWeb: port.protocol === "grpc",
    filters: service.filters.outbound,
    localReplyConfig: outboundReplies(service.key, service.filters.outbound),
    routeSpecifier: {
      case: "rds",
      value: { configSource: adsConfigSource(), routeConfigName: port.name },
    },
  });
}

function telemetryOf({ index, service, telemetry }: ChainsContext): ListenerTelemetry {
  const effective = telemetry.of([service.key]);
  return listenerTelemetry(effective, "CLIENT", hasTelemetryReceiver(index.snapshot));
}

/** To the Service's own instances, or where the oldest TCPRoute says: its rules have nothing to match. */
function opaqueChain({ tcp }: StreamRoutes, context: ChainsContext): FilterChain {
  const { index, service, port, findings } = context;
  const [route] = tcp.toSorted(compareAge);
  const backends =
    route === undefined
      ? [{ clusterName: port.streamCluster ?? port.name, weight: 1, settings: service.settings }]
      : streamBackends(route, { index, findings });
  return create(FilterChainSchema, { filters: limited(streamFilter(backends, context), context) });
}

/** One chain per TLSRoute. A server name that several routes have is the oldest one's. */
function serverNameChains({ tls }: StreamRoutes, context: ChainsContext): readonly FilterChain[] {
  const { index, findings } = context;
  const taken = new Set<string>();
  return tls.toSorted(compareAge).flatMap((route: TlsRoute) => {
    const names = [...new Set(route.spec.hostnames)].filter((name) => !taken.has(name));
    if (names.length === 0) return [];
    for (const name of names) taken.add(name);
    const chain = create(FilterChainSchema, {
      name: routeLabel(route),
      filterChainMatch: { transportProtocol: "tls", serverNames: names.sort(compareText) },
      filters: limited(streamFilter(streamBackends(route, { index, findings }), context), context),
    });
    return [chain];
  });
}

/** For TLS that no TLSRoute names, once there is one: as a request that no HTTPRoute takes gets 404 (GEP-1426). */
function closingChain(context: ChainsContext): FilterChain {
  const clusterName = missingClusterName(context.service.host, context.port.port.port);
  return create(FilterChainSchema, {
    name: "TLSRoute/none",
    filterChainMatch: { transportProtocol: "tls" },
    filters: [streamFilter([{ clusterName, weight: 1 }], context)],
  });
}

function streamFilter(backends: readonly StreamBackend[], context: ChainsContext): Filter {
  const { service, port } = context;
  return tcpProxy({
    statPrefix: port.name,
    backends,
    idleTimeoutMs: durationMs(service.settings.timeouts.connectionIdle),
    accessLog: telemetryOf(context).accessLogs,
  });
}

function routeLabel(route: StreamRoute): string {
  return `${route.kind}/${qualifiedName(route.metadata)}`;
}
