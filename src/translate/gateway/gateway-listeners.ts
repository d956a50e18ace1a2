/**
 * Listeners of a gateway: one for each port. It is the edge of the mesh: what strangers write into fields of the mesh
 * is removed, nobody is believed about other clients' addresses, and TLS is no older than 1.2.
 */
import { create } from "@bufbuild/protobuf";
import { HttpProtocolOptions_HeadersWithUnderscoresAction } from "../../gen/envoy/config/core/v3/protocol_pb.js";
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.js";
import { HttpConnectionManager_ForwardClientCertDetails } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { ListenerAttachment } from "../../resource/gateway-attachment.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import { httpConnectionManager } from "../http-connection-manager.ts";
import { inspectTls } from "../listener-filters.ts";
import { outboundReplies } from "../local-replies.ts";
import { adsConfigSource, duration, resourceOf, socketAddress } from "../message.ts";
import { qualifiedName } from "../names.ts";
import type { RuleContext } from "../route/rule-route.ts";
import { hasTelemetryReceiver } from "../telemetry/control-plane-cluster.ts";
import { listenerTelemetry } from "../telemetry/listener-telemetry.ts";
import { metricsMetadata } from "../telemetry/metrics-metadata.ts";
import { listenerTracing, tracingMetadata } from "../tracing/listener-tracing.ts";
import type { XdsResource } from "../translation.ts";
import { edgeHops } from "../trusted-hops.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { gatewayParent } from "./gateway-parent.ts";
import type { GatewayPlan } from "./gateway-plan.ts";
import { compareHosts, gatewayRoutes } from "./gateway-routes.ts";
import { listenerTls } from "./listener-tls.ts";
import { closingChain, type StreamPort, serverNameChains, tcpChain } from "./stream-chains.ts";

export interface GatewayResources {
  readonly listeners: readonly XdsResource[];
  readonly routes: readonly XdsResource[];
}

/** What the gateway of this scope runs. */
export function gatewayResources(plan: GatewayPlan, context: GatewayContext): GatewayResources {
  const byPort = new Map<number, ListenerAttachment[]>();
  for (const one of plan.listeners) {
    const list = byPort.get(one.listener.port);
    if (list === undefined) byPort.set(one.listener.port, [one]);
    else list.push(one);
  }
  const listeners: XdsResource[] = [];
  const routes: XdsResource[] = [];
  for (const [port, ofPort] of byPort) {
    const part = new GatewayPort(plan, port, context);
    listeners.push(part.listener(part.chains(ofPort, routes)));
  }
  return { listeners, routes };
}

interface PortChain {
  readonly chain: FilterChain;
  readonly isTls: boolean;
  /** For what no other chain takes. */
  readonly isDefault: boolean;
}

const ofTls = (chain: FilterChain): PortChain => ({ chain, isTls: true, isDefault: false });

/** One port of a gateway, with what its listeners share. */
class GatewayPort {
  readonly #plan: GatewayPlan;
  readonly #port: number;
  readonly #context: GatewayContext;
  readonly #filters: readonly FilterContribution[];
  /** For connections that carry no HTTP. */
  readonly #connectionFilters: readonly Filter[];

  constructor(plan: GatewayPlan, port: number, context: GatewayContext) {
    this.#plan = plan;
    this.#port = port;
    this.#context = context;
    const { index, scope } = context;
    const { namespace, labels } = scope;
    const who = { namespace, labels, services: [] };
    // Policies select a gateway by its labels, as they select any workload.
    const judges = index.authorization.filtersOf({ ...who, port: { app: port, listener: port } });
    this.#filters = [...index.authentication.filtersOf(who), ...judges.http];
    this.#connectionFilters = judges.connections;
  }

  /** Those of all listeners of the port; routes of requests are added to `routes`. */
  chains(listeners: readonly ListenerAttachment[], routes: XdsResource[]): readonly PortChain[] {
    const plain = listeners.filter(({ listener }) => listener.protocol === "HTTP");
    const port: StreamPort = {
      gateway: qualifiedName(this.#plan.gateway.metadata),
      port: this.#port,
      listeners,
      filters: this.#connectionFilters,
      context: this.#context,
    };
    const chains = [
      ...(plain.length === 0 ? [] : [this.#requestChain(plain, routes)]),
      ...listeners.flatMap((one) => this.#ownChains(one, port, routes)),
    ];
    // A listener has one at least: at a port without routes every handshake is refused.
    return chains.length > 0 ? chains : [ofTls(closingChain(port))];
  }

  /** Of a listener that shares none. */
  #ownChains(
    one: ListenerAttachment,
    port: StreamPort,
    routes: XdsResource[],
  ): readonly PortChain[] {
    switch (one.listener.protocol) {
      case "HTTP":
        return [];
      case "HTTPS":
        return [this.#requestChain([one], routes)];
      case "TLS":
        return serverNameChains(one, port).map(ofTls);
      case "TCP":
        return [{ chain: tcpChain(one, port), isTls: false, isDefault: false }];
    }
  }

  listener(chains: readonly PortChain[]): XdsResource {
    const { index, scope } = this.#context;
    const name = `gateway|${this.#port}`;
    const effective = index.telemetry.groupOf(scope).of([]);
    const tracing = tracingMetadata(effective.tracing, index.snapshot);
    const metrics = metricsMetadata(effective.metrics, "CLIENT");
    const own = {
      ...(tracing === undefined ? {} : { tracing }),
      ...(metrics === undefined ? {} : { metrics }),
    };
    const fallback = chains.find(({ isDefault }) => isDefault);
    const listener = create(ListenerSchema, {
      name,
      address: socketAddress(scope.address, this.#port),
      ...(chains.some(({ isTls }) => isTls) ? inspectTls() : {}),
      filterChains: chains.filter((one) => one !== fallback).map(({ chain }) => chain),
      ...(fallback === undefined ? {} : { defaultFilterChain: fallback.chain }),
      ...(Object.keys(own).length === 0 ? {} : { metadata: { filterMetadata: { tulle: own } } }),
    });
    return resourceOf(ListenerSchema, name, listener);
  }

  /** The chain of listeners that share one, whose routes are added to `routes`. */
  #requestChain(group: readonly ListenerAttachment[], routes: XdsResource[]): PortChain {
    const { gateway } = this.#plan;
    const [first] = group.toSorted((a, b) => compareHosts(hostOf(a), hostOf(b)));
    const listener = first?.listener;
    const isTls = listener?.protocol === "HTTPS";
    const label = isTls ? `${this.#port}|${listener.name}` : String(this.#port);
    const name = `gateway|${label}|${qualifiedName(gateway.metadata)}`;
    const attached = group.flatMap((one) => one.routes.map(({ route }) => route));
    const { index, scope, findings } = this.#context;
    const parent = gatewayParent(this.#plan, this.#port, attached, index);
    const context: RuleContext = { index, ...parent, findings, caller: scope, isEdge: true };
    routes.push(resourceOf(RouteConfigurationSchema, name, gatewayRoutes(name, group, context)));
    const filters = [
      this.#manager(name, [
        ...parent.before,
        // Who a user is comes first: policies may ask.
        ...this.#filters,
        ...parent.behind,
      ]),
    ];
    if (!isTls) return { chain: create(FilterChainSchema, { filters }), isTls, isDefault: false };
    const { hostname } = listener;
    const transportSocket = listenerTls(listener);
    const match = hostname === undefined ? {} : { filterChainMatch: { serverNames: [hostname] } };
    const chain = create(FilterChainSchema, {
      name: listener.name,
      filters,
      transportSocket,
      ...match,
    });
    return { chain, isTls, isDefault: hostname === undefined };
  }

  #manager(routeConfigName: string, filters: readonly FilterContribution[]): Filter {
    const { index, scope } = this.#context;
    const { gateway } = this.#plan;
    // It calls for its clients, as a sidecar does for its app.
    const { accessLogs, ...told } = listenerTelemetry(
      ...([index.telemetry.groupOf(scope).of([]), "CLIENT"] as const),
      hasTelemetryReceiver(index.snapshot),
    );
    return httpConnectionManager({
      statPrefix: routeConfigName,
      accessLog: [...accessLogs],
      ...told,
      tracing: listenerTracing(index.telemetry.groupOf(scope).of([]).tracing, index.snapshot, true),
      streamIdleTimeout: duration(index.streamIdleTimeoutMs),
      paths: index.paths,
      // The edge: fields of the mesh are removed, and x-forwarded-for begins with whoever connects.
      useRemoteAddress: true,
      xffNumTrustedHops: edgeHops(index.trustedHops),
      // `x_user` is `x-user` to CGI and its like: whoever judges one must not be passed by with the other.
      commonHttpProtocolOptions: {
        headersWithUnderscoresAction:
          HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST,
      },
      forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE,
      translatesGrpcWeb: true,
      filters,
      localReplyConfig: outboundReplies(qualifiedName(gateway.metadata), filters),
      routeSpecifier: {
        case: "rds",
        value: { configSource: adsConfigSource(), routeConfigName },
      },
    });
  }
}

function hostOf({ listener }: ListenerAttachment): string {
  return listener.hostname ?? "*";
}
