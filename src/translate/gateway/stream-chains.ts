/**
 * Filter chains of a gateway's listeners that carry no HTTP of their own: TLS that is passed through, or ended, by the server
 * names of TLSRoutes (Gateway API v1, TLSRoute), and TCP (TCPRoute). Connections that no route takes are closed.
 */
import { create } from "@bufbuild/protobuf";
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { durationMs } from "../../resource/duration.ts";
import { covers, type ListenerAttachment } from "../../resource/gateway-attachment.ts";
import { missingClusterName, qualifiedName } from "../names.ts";
import { type StreamRoute, streamBackends } from "../route/stream-backends.ts";
import { type StreamBackend, tcpProxy } from "../tcp-proxy.ts";
import { hasTelemetryReceiver } from "../telemetry/control-plane-cluster.ts";
import { listenerTelemetry } from "../telemetry/listener-telemetry.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { compareHosts } from "./gateway-routes.ts";
import { listenerTls } from "./listener-tls.ts";

/** What the listeners of one port share. */
export interface StreamPort {
  readonly gateway: string;
  readonly port: number;
  /** All listeners of the port: a host belongs to the one that names it most closely. */
  readonly listeners: readonly ListenerAttachment[];
  /** What judges connections before they go on. */
  readonly filters: readonly Filter[];
  readonly context: GatewayContext;
}

/** One for each TLSRoute, the oldest first: a server name that several have is the oldest one's. */
export function serverNameChains(
  attachment: ListenerAttachment,
  port: StreamPort,
): readonly FilterChain[] {
  const { listener, streams } = attachment;
  const taken = new Set<string>();
  return streams.flatMap(({ route, hostnames }) => {
    const names = hostnames.filter(
      (name) => !taken.has(name) && ownerOf(name, port.listeners) === attachment,
    );
    if (names.length === 0) return [];
    for (const name of names) taken.add(name);
    return [
      create(FilterChainSchema, {
        name: `${listener.name}|${route.kind}/${qualifiedName(route.metadata)}`,
        filterChainMatch: {
          transportProtocol: "tls",
          // Without one it is for every name that no other chain has.
          serverNames: names.includes("*") ? [] : names.toSorted(compareHosts),
        },
        filters: [...port.filters, streamFilter(backendsOf(route, port), port)],
        ...(listener.tls?.mode === "Passthrough" ? {} : { transportSocket: listenerTls(listener) }),
      }),
    ];
  });
}

/** To where the oldest TCPRoute says; nowhere without one. */
export function tcpChain({ streams }: ListenerAttachment, port: StreamPort): FilterChain {
  const [first] = streams;
  const backends =
    first === undefined
      ? [{ clusterName: missingClusterName(port.gateway, port.port), weight: 1 }]
      : backendsOf(first.route, port);
  return create(FilterChainSchema, { filters: [...port.filters, streamFilter(backends, port)] });
}

/** For TLS with whatever name: it goes nowhere. */
export function closingChain(port: StreamPort): FilterChain {
  const backend = { clusterName: missingClusterName(port.gateway, port.port), weight: 1 };
  return create(FilterChainSchema, {
    filterChainMatch: { transportProtocol: "tls" },
    filters: [streamFilter([backend], port)],
  });
}

function backendsOf(route: StreamRoute, { context }: StreamPort): readonly StreamBackend[] {
  const { index, findings } = context;
  return streamBackends(route, { index, findings });
}

function streamFilter(
  backends: readonly StreamBackend[],
  { gateway, port, context }: StreamPort,
): Filter {
  const { index, scope } = context;
  const telemetry = index.telemetry.groupOf(scope).of([]);
  const { timeouts } = index.settingsOf.service("Service", "");
  return tcpProxy({
    statPrefix: `gateway|${port}|${gateway}`,
    backends,
    idleTimeoutMs: durationMs(timeouts.connectionIdle),
    accessLog: listenerTelemetry(telemetry, "CLIENT", hasTelemetryReceiver(index.snapshot))
      .accessLogs,
  });
}

function ownerOf(
  host: string,
  listeners: readonly ListenerAttachment[],
): ListenerAttachment | undefined {
  const hostOf = ({ listener }: ListenerAttachment): string => listener.hostname ?? "*";
  return listeners
    .filter((one) => covers(hostOf(one), host))
    .toSorted((a, b) => compareHosts(hostOf(a), hostOf(b)))[0];
}
