/**
 * Route configurations of gateways: a virtual host for each host that routes name, and in it the rules of the routes
 * for that host before those for wider ones (Gateway API v1, HTTPRouteSpec.hostnames).
 */
import { create } from "@bufbuild/protobuf";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/envoy/config/route/v3/route_pb.js";
import { covers, type ListenerAttachment } from "../../resource/gateway-attachment.ts";
import { hostFilterConfigs } from "../filters/filter-contribution.ts";
import { REPLY_HEADERS } from "../local-replies.ts";
import { compareText } from "../names.ts";
import { usableCandidates } from "../route/route-configuration.ts";
import { type RuleContext, ruleRoutes } from "../route/rule-route.ts";

/** For listeners that share a filter chain: those of one port without TLS, or one with. */
export function gatewayRoutes(
  name: string,
  listeners: readonly ListenerAttachment[],
  context: RuleContext,
): RouteConfiguration {
  const hosts = new Map<string, ListenerAttachment>();
  // A host belongs to the listener that names it most closely: its requests never reach another one's routes.
  for (const listener of listeners.toSorted(compareListeners)) {
    for (const host of listener.routes.flatMap(({ hostnames }) => hostnames)) {
      if (ownerOf(host, listeners) === listener) hosts.set(host, listener);
    }
    // Without a route for all of its hosts the listener still keeps others' routes away: they get 404.
    const own = listener.listener.hostname ?? "*";
    if (!hosts.has(own)) hosts.set(own, listener);
  }
  return create(RouteConfigurationSchema, {
    name,
    responseHeadersToRemove: [...REPLY_HEADERS],
    ignorePortInHostMatching: true,
    virtualHosts: [...hosts]
      .sort(([a], [b]) => compareText(a, b))
      .map(([host, listener]) => ({
        name: `${name}/${host}`,
        domains: [host],
        typedPerFilterConfig: hostFilterConfigs(context.service.filters.outbound, context.caller),
        routes: [...hostRoutes(host, listener, context)],
      })),
    // Clusters come in a message of their own, maybe after this one.
    validateClusters: false,
  });
}

function hostRoutes(host: string, { routes }: ListenerAttachment, context: RuleContext) {
  const wider = new Set(
    routes.flatMap(({ hostnames }) => hostnames.filter((one) => covers(one, host))),
  );
  return [...wider].sort(compareHosts).flatMap((one) => {
    const named = routes.filter(({ hostnames }) => hostnames.includes(one));
    // HTTPRoutes and GRPCRoutes for one host: those of the older one's kind hold (GRPCRouteSpec.hostnames).
    const kind = named[0]?.route.kind;
    const ofKind = named.map(({ route }) => route).filter((route) => route.kind === kind);
    return usableCandidates(ofKind, context).flatMap((candidate) => ruleRoutes(candidate, context));
  });
}

function ownerOf(
  host: string,
  listeners: readonly ListenerAttachment[],
): ListenerAttachment | undefined {
  return listeners
    .filter(({ listener }) => covers(listener.hostname ?? "*", host))
    .toSorted(compareListeners)[0];
}

function compareListeners(a: ListenerAttachment, b: ListenerAttachment): number {
  return compareHosts(a.listener.hostname ?? "*", b.listener.hostname ?? "*");
}

/** The most specific first: names before wildcards, the longer before the shorter. */
export function compareHosts(a: string, b: string): number {
  const isWild = (host: string): number => Number(host.startsWith("*"));
  return isWild(a) - isWild(b) || b.length - a.length || compareText(a, b);
}
