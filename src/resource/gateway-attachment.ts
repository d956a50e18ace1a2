/**
 * Which routes are attached to which listeners of Gateways, and for which hosts (Gateway API v1, "Attaching to
 * Gateways"). Pure: translation makes routes of it, and statuses tell it.
 */
import { compareAge } from "./checks/object-age.ts";
import { GATEWAY_CLASS, type Gateway, type GatewayListener } from "./kinds/gateway.ts";
import type { GrpcRoute } from "./kinds/grpc-route.ts";
import type { HttpRoute } from "./kinds/http-route.ts";
import { GATEWAY_API_GROUP } from "./kinds/route-references.ts";
import type { TcpRoute } from "./kinds/tcp-route.ts";
import type { TlsRoute } from "./kinds/tls-route.ts";

/** Of requests. */
export type GatewayRoute = HttpRoute | GrpcRoute;
/** Of connections. */
export type GatewayStreamRoute = TlsRoute | TcpRoute;
type AnyRoute = GatewayRoute | GatewayStreamRoute;

export interface AttachedRoute<R = GatewayRoute> {
  readonly route: R;
  /** Hosts for which it holds on this listener; `*` for all. Never empty. */
  readonly hostnames: readonly string[];
}

export interface ListenerAttachment {
  readonly listener: GatewayListener;
  /** Of requests, the oldest first; none where the protocol carries no HTTP. */
  readonly routes: readonly AttachedRoute[];
  /** Of connections, the oldest first; none where it does. */
  readonly streams: readonly AttachedRoute<GatewayStreamRoute>[];
}

export interface GatewayAttachment {
  readonly gateway: Gateway;
  /** In their order in the Gateway. */
  readonly listeners: readonly ListenerAttachment[];
}

/** Why a route gets nothing from a parent, by Gateway API's reasons. */
export interface RefusedParent {
  readonly route: AnyRoute;
  readonly refIndex: number;
  readonly code: "parent-not-found" | "route-not-allowed" | "hostname-mismatch";
  readonly message: string;
}

export interface GatewayAttachments {
  /** Of our class, by `namespace/name`. */
  readonly byGateway: ReadonlyMap<string, GatewayAttachment>;
  readonly refused: readonly RefusedParent[];
}

/** Kinds of routes that listeners take, by their protocol. */
export const GATEWAY_ROUTE_KINDS: Readonly<
  Record<GatewayListener["protocol"], readonly AnyRoute["kind"][]>
> = {
  HTTP: ["HTTPRoute", "GRPCRoute"],
  HTTPS: ["HTTPRoute", "GRPCRoute"],
  TLS: ["TLSRoute"],
  TCP: ["TCPRoute"],
};

export function attachToGateways(
  gateways: readonly Gateway[],
  routes: readonly AnyRoute[],
): GatewayAttachments {
  const ours = gateways.filter(({ spec }) => spec.gatewayClassName === GATEWAY_CLASS);
  const byName = new Map(ours.map((gateway) => [nameOf(gateway.metadata), gateway]));
  const attached = new Map<GatewayListener, AttachedRoute<AnyRoute>[]>();
  const refused: RefusedParent[] = [];
  for (const route of routes.toSorted(compareAge)) {
    for (const [refIndex, ref] of (route.spec.parentRefs ?? []).entries()) {
      if (ref.group !== GATEWAY_API_GROUP || ref.kind !== "Gateway") continue;
      const name = nameOf({ namespace: ref.namespace ?? route.metadata.namespace, name: ref.name });
      const verdict = attachOne(route, ref, byName.get(name), name);
      if ("code" in verdict) refused.push({ route, refIndex, ...verdict });
      else for (const [listener, one] of verdict.listeners) add(attached, listener, one);
    }
  }
  const byGateway = new Map(
    [...byName].map(([name, gateway]) => {
      const listeners = gateway.spec.listeners.map((listener) => {
        const all = attached.get(listener) ?? [];
        return { listener, routes: all.filter(isOfRequests), streams: all.filter(isOfStreams) };
      });
      return [name, { gateway, listeners }];
    }),
  );
  return { byGateway, refused };
}

function isOfStreams(one: AttachedRoute<AnyRoute>): one is AttachedRoute<GatewayStreamRoute> {
  return one.route.kind === "TLSRoute" || one.route.kind === "TCPRoute";
}

function isOfRequests(one: AttachedRoute<AnyRoute>): one is AttachedRoute {
  return !isOfStreams(one);
}

type ParentRef = NonNullable<AnyRoute["spec"]["parentRefs"]>[number];
type Verdict =
  | Pick<RefusedParent, "code" | "message">
  | { readonly listeners: readonly (readonly [GatewayListener, AttachedRoute<AnyRoute>])[] };

function attachOne(
  route: AnyRoute,
  ref: ParentRef,
  gateway: Gateway | undefined,
  name: string,
): Verdict {
  if (gateway === undefined) {
    return { code: "parent-not-found", message: `there is no Gateway ${name} of class tulle` };
  }
  const meant = gateway.spec.listeners.filter(
    (listener) =>
      (ref.sectionName === undefined || ref.sectionName === listener.name) &&
      (ref.port === undefined || ref.port === listener.port),
  );
  if (meant.length === 0) {
    const wanted = ref.sectionName ?? `port ${ref.port}`;
    const known = gateway.spec.listeners.map((listener) => listener.name).join(", ");
    const message = `Gateway ${name} has no listener ${wanted}; it has ${known}`;
    return { code: "parent-not-found", message };
  }
  const open = meant.filter((listener) => isAllowed(route, gateway, listener));
  if (open.length === 0) {
    const message = meant.some(({ protocol }) => takesKind(protocol, route.kind))
      ? `no listener of Gateway ${name} allows a ${route.kind} of namespace ${route.metadata.namespace}; see its allowedRoutes`
      : `no listener of Gateway ${name} that it means takes a ${route.kind}: their protocol is ${[...new Set(meant.map(({ protocol }) => protocol))].join(", ")}`;
    return { code: "route-not-allowed", message };
  }
  const listeners = open.flatMap((listener) => {
    const hostnames = commonHosts(listener.hostname, hostnamesOf(route));
    return hostnames.length === 0 ? [] : [[listener, { route, hostnames }] as const];
  });
  if (listeners.length > 0) return { listeners };
  const hosts = open.map(({ hostname = "*" }) => hostname).join(", ");
  const message = `Gateway ${name} has no listener for any of its hostnames; it listens for ${hosts}`;
  return { code: "hostname-mismatch", message };
}

function hostnamesOf(route: AnyRoute): readonly string[] {
  return route.kind === "TCPRoute" ? [] : (route.spec.hostnames ?? []);
}

function takesKind(protocol: GatewayListener["protocol"], kind: AnyRoute["kind"]): boolean {
  return GATEWAY_ROUTE_KINDS[protocol].includes(kind);
}

function isAllowed(
  route: AnyRoute,
  gateway: Gateway,
  { protocol, allowedRoutes: { namespaces, kinds } }: GatewayListener,
): boolean {
  const isKind =
    kinds === undefined ||
    kinds.some(({ group, kind }) => group === GATEWAY_API_GROUP && kind === route.kind);
  if (!isKind || !takesKind(protocol, route.kind)) return false;
  const { namespace } = route.metadata;
  switch (namespaces.from) {
    case "All":
      return true;
    case "Same":
      return namespace === gateway.metadata.namespace;
    case "Selector":
      return namespaces.selector?.matchLabels["kubernetes.io/metadata.name"] === namespace;
  }
}

/** Gateway API v1, HTTPRouteSpec.hostnames: of both sides the more specific, where they have a host in common. */
export function commonHosts(
  listener: string | undefined,
  hostnames: readonly string[],
): readonly string[] {
  if (hostnames.length === 0) return [listener ?? "*"];
  if (listener === undefined) return hostnames;
  return hostnames.flatMap((host) => {
    if (covers(listener, host)) return [host];
    return covers(host, listener) ? [listener] : [];
  });
}

/** Whether all hosts of `narrow` are hosts of `wide`: `*.a.example` has `b.a.example` and `*.b.a.example`. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === "*" || wide === narrow) return true;
  return wide.startsWith("*.") && narrow.length > wide.length - 1 && narrow.endsWith(wide.slice(1));
}

function add(
  attached: Map<GatewayListener, AttachedRoute<AnyRoute>[]>,
  listener: GatewayListener,
  one: AttachedRoute<AnyRoute>,
): void {
  const list = attached.get(listener);
  const known = list?.findIndex(({ route }) => route === one.route) ?? -1;
  if (list === undefined) attached.set(listener, [one]);
  else if (known < 0) list.push(one);
}

function nameOf(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}
