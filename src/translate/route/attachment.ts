/**
 * Which routes are in force on a Service port, and for whom. A route in the Service's own namespace is a
 * producer route, for every caller; one in another namespace is a consumer route, for callers of its own
 * namespace only, where it replaces the producer's (Gateway API GEP-1426, "Namespace boundaries").
 */
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import type { TcpRoute } from "../../resource/kinds/tcp-route.ts";
import type { TlsRoute } from "../../resource/kinds/tls-route.ts";
import { keyOf } from "../../resource/object.ts";
import { mayBeHttp, mayBeOpaque } from "../../resource/port-protocol.ts";
import type { FindingPlace, Findings } from "../findings.ts";
import type { IndexedPort, MeshIndex } from "../mesh-index.ts";
import { compareText, qualifiedName } from "../names.ts";
import { compareAge } from "../object-order.ts";
import { isRouteRef, MESH_GROUP } from "./reference-kinds.ts";

/** A route of requests. */
export type RequestRoute = HttpRoute | GrpcRoute;
type AnyRoute = RequestRoute | TcpRoute | TlsRoute;

/** The routes of one family attached to one Service port. */
export interface Attached<R> {
  readonly producer: readonly R[];
  /** By the callers' namespace, in the order of its name. Never empty lists. */
  readonly consumer: ReadonlyMap<string, readonly R[]>;
}

/** By port name (`outbound|80||catalog.default.svc.tulle.local`). */
type AttachedByPort<R> = ReadonlyMap<string, Attached<R>>;

export interface Attachments {
  /** Of each group all routes are of one kind. */
  readonly requests: AttachedByPort<RequestRoute>;
  readonly tcp: AttachedByPort<TcpRoute>;
  readonly tls: AttachedByPort<TlsRoute>;
}

export function resolveAttachments(index: MeshIndex, findings: Findings): Attachments {
  const { httpRoutes, grpcRoutes, tcpRoutes, tlsRoutes } = index.snapshot;
  const requests = attach<RequestRoute>(
    [...httpRoutes, ...grpcRoutes],
    { takes: ({ protocol }) => mayBeHttp(protocol), ofKind: "HTTP port" },
    { index, findings },
  );
  const tcp = attach<TcpRoute>(
    tcpRoutes,
    { takes: ({ protocol }) => mayBeOpaque(protocol), ofKind: "TCP port" },
    { index, findings },
  );
  const tls = attach<TlsRoute>(
    tlsRoutes,
    {
      takes: ({ protocol }) => protocol === "tls" || protocol === "undeclared",
      ofKind: "TLS port",
    },
    { index, findings },
  );
  return {
    requests: mapValues(requests, (entries) => settled(oneKind(entries, findings))),
    tcp: mapValues(tcp, settled),
    tls: mapValues(tls, settled),
  };
}

/** A route and the parentRef by which it is attached. */
interface Entry<R> {
  readonly route: R;
  readonly place: FindingPlace;
}

interface Entries<R> {
  readonly producer: Entry<R>[];
  readonly consumer: Map<string, Entry<R>[]>;
}

interface Family {
  readonly takes: (port: IndexedPort) => boolean;
  /** `HTTP port`, for messages. */
  readonly ofKind: string;
}

interface AttachContext {
  readonly index: MeshIndex;
  readonly findings: Findings;
}

function attach<R extends AnyRoute>(
  routes: readonly R[],
  family: Family,
  context: AttachContext,
): ReadonlyMap<string, Entries<R>> {
  const byPort = new Map<string, Entries<R>>();
  for (const route of routes.toSorted(compareByName)) {
    for (const { port, place, isConsumer } of parentPorts(route, family, context)) {
      const entry: Entries<R> = byPort.get(port.name) ?? { producer: [], consumer: new Map() };
      byPort.set(port.name, entry);
      const { namespace } = route.metadata;
      const list = isConsumer ? (entry.consumer.get(namespace) ?? []) : entry.producer;
      if (isConsumer) entry.consumer.set(namespace, list);
      if (!list.some((known) => known.route === route)) list.push({ route, place });
    }
  }
  return byPort;
}

/**
 * Gateway API, GRPCRoute.hostnames: of an HTTPRoute and a GRPCRoute for the same hosts of one parent exactly one is
 * accepted, the older, then the first by name. Hosts do not tell the routes of a Service apart, so this
 * holds for all of them.
 */
function oneKind(
  { producer, consumer }: Entries<RequestRoute>,
  findings: Findings,
): Entries<RequestRoute> {
  const settle = (entries: readonly Entry<RequestRoute>[]): Entry<RequestRoute>[] => {
    const first = entries.toSorted((a, b) => compareAge(a.route, b.route))[0];
    return entries.filter(({ route, place }) => {
      if (first === undefined || route.kind === first.route.kind) return true;
      const [older, younger] = [labelOf(first.route), labelOf(route)];
      const rule = "a port follows HTTPRoutes or GRPCRoutes, not both";
      const message = `${older} is attached there and goes before; ${rule}`;
      findings.add("route-kind-conflict", place, message);
      const contest = `${younger} is attached there too, without effect; ${rule}`;
      findings.add("route-kind-contested", first.place, contest);
      return false;
    });
  };
  return {
    producer: settle(producer),
    consumer: new Map([...consumer].map(([namespace, list]) => [namespace, settle(list)])),
  };
}

function labelOf({ kind, metadata }: RequestRoute): string {
  return `${kind} ${qualifiedName(metadata)}`;
}

function settled<R>({ producer, consumer }: Entries<R>): Attached<R> {
  const routesOf = (entries: readonly Entry<R>[]): readonly R[] =>
    entries.map(({ route }) => route);
  return {
    producer: routesOf(producer),
    consumer: new Map([...consumer].map(([namespace, list]) => [namespace, routesOf(list)])),
  };
}

interface ParentPort {
  readonly port: IndexedPort;
  readonly place: FindingPlace;
  readonly isConsumer: boolean;
}

/** The Service ports that a route attaches to. Parents of other kinds are for others (a Gateway). */
function parentPorts(
  route: AnyRoute,
  family: Family,
  { index, findings }: AttachContext,
): readonly ParentPort[] {
  return (route.spec.parentRefs ?? []).flatMap((ref, refIndex) => {
    if (isRouteRef(ref)) {
      reportParentRoute(route, ref, refIndex, { index, findings });
      return [];
    }
    const isExternal = ref.group === MESH_GROUP && ref.kind === "ExternalService";
    if (!isExternal && (ref.group !== "" || ref.kind !== "Service")) return [];
    const place = { object: keyOf(route), path: `spec.parentRefs[${refIndex}]` };
    const namespace = ref.namespace ?? route.metadata.namespace;
    const key = qualifiedName({ namespace, name: ref.name });
    const service = index.serviceByKey.get(key);
    if (service === undefined || (service.external !== undefined) !== isExternal) {
      findings.add("parent-not-found", place, `there is no ${ref.kind} ${key}`);
      return [];
    }
    reportHostnames(route, place, findings);
    const ports = service.ports.filter((port) => family.takes(port) && isMeant(ref, port.port));
    if (ports.length === 0) {
      const wanted = [ref.port ?? [], ref.sectionName ?? []].flat().join(" named ");
      const message = `${ref.kind} ${key} has no ${family.ofKind}${wanted === "" ? "" : ` ${wanted}`}`;
      findings.add("parent-not-found", place, message);
    }
    const isConsumer = namespace !== route.metadata.namespace;
    return ports.map((port) => ({ port, place, isConsumer }));
  });
}

/** A parent that is a route: it delegates, or the route gets nothing from it. */
function reportParentRoute(
  route: AnyRoute,
  ref: ParentRef,
  refIndex: number,
  { index, findings }: AttachContext,
): void {
  const place = { object: keyOf(route), path: `spec.parentRefs[${refIndex}]` };
  const own = qualifiedName(route.metadata);
  const namespace = ref.namespace ?? route.metadata.namespace;
  const key = qualifiedName({ namespace, name: ref.name });
  const parent = route.kind === "HTTPRoute" ? index.routeByKey.get(key) : undefined;
  const delegates = (parent?.spec.rules ?? []).some(({ backendRefs }) =>
    (backendRefs ?? []).some(
      (backend) =>
        isRouteRef(backend) &&
        qualifiedName({ namespace: backend.namespace ?? namespace, name: backend.name }) === own,
    ),
  );
  if (delegates) return;
  const message =
    parent === undefined
      ? `there is no HTTPRoute ${key} that could delegate to a ${route.kind}`
      : `HTTPRoute ${key} does not delegate to it: no rule names it as a backend`;
  findings.add("parent-not-found", place, message);
}

/** GEP-1426, "hostnames field": implementations SHOULD NOT infer any functionality from it. SNI is another matter. */
function reportHostnames(route: AnyRoute, place: FindingPlace, findings: Findings): void {
  if (route.kind !== "HTTPRoute" && route.kind !== "GRPCRoute") return;
  if ((route.spec.hostnames ?? []).length === 0) return;
  const message = "has no effect when the parent is a Service; match the Host header instead";
  findings.add("field-ignored", { ...place, path: "spec.hostnames" }, message);
}

type ParentRef = NonNullable<AnyRoute["spec"]["parentRefs"]>[number];

/** Without a port or section a route is for every port of the Service. */
function isMeant(ref: ParentRef, port: IndexedPort["port"]): boolean {
  if (ref.port !== undefined && ref.port !== port.port) return false;
  return ref.sectionName === undefined || ref.sectionName === port.name;
}

/** Of two kinds under one name the kind decides: the order never depends on the input's. */
function compareByName(a: AnyRoute, b: AnyRoute): number {
  const byName = compareText(qualifiedName(a.metadata), qualifiedName(b.metadata));
  return byName === 0 ? compareText(a.kind, b.kind) : byName;
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
