/**
 * The mesh as a graph, made of what the API says: services are nodes, who calls whom are edges, and routes that divide
 * requests lead from a service to its backends. Pure.
 */
import type {
  EdgeTraffic,
  HealthState,
  RouteTraffic,
  ServiceRef,
  ServiceTraffic,
} from "../../../src/control-plane/telemetry-types.ts";
import { serviceName } from "../../core/format.ts";
import { type SplitShare, splitsOf } from "./splits.ts";

export type Security = EdgeTraffic["security"];

export interface GraphNode {
  /** `default/catalog`; `namespace:shop` for all services of one together. */
  readonly id: string;
  /** `outside`: it calls or is called, but is no service of the mesh. */
  readonly kind: "service" | "namespace" | "outside";
  readonly namespace: string;
  readonly name: string;
  /** What is written. */
  readonly label: string;
  readonly health: HealthState;
  readonly healthReason: string | null;
  /** Of requests to it; null where none came. */
  readonly requestsPerSecond: number | null;
  readonly errorRate: number | null;
  /** Of TCP to it, both ways. */
  readonly bytesPerSecond: number;
  /** Requests a second that it sends, as drawn. */
  readonly sentPerSecond: number;
  /** Services in it. */
  readonly services: number;
  /** What a route that divides requests sends to it. */
  readonly split: SplitShare | null;
}

export interface GraphEdge {
  /** `default/cart>default/catalog`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly errors: number;
  /** Null without a request. */
  readonly errorRate: number | null;
  /** Null also where several were put together: percentiles cannot be added. */
  readonly p99: number | null;
  /** Of TCP, both ways. */
  readonly bytesPerSecond: number;
  readonly security: Security;
  readonly protocols: string;
  /** A route divides what comes to `from`, and this share is for `to`. Its figures are those of the route. */
  readonly split: SplitShare | null;
}

export interface MeshGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** The whole mesh. */
export interface Mesh extends MeshGraph {
  /** Each pair that speaks, as the API has it; those that a split shows better are drawn as that. */
  readonly calls: readonly GraphEdge[];
}

export interface MeshAnswers {
  readonly services: readonly ServiceTraffic[];
  readonly edges: readonly EdgeTraffic[];
  readonly routes: readonly RouteTraffic[];
}

export function idOf({ namespace, name }: ServiceRef): string {
  return `${namespace}/${name}`;
}

export function meshGraph({ services, edges: told, routes }: MeshAnswers): Mesh {
  const shares = splitsOf(routes);
  const calls = callsOf(told);
  const drawn = withoutTwice(calls, shares);
  const edges = [...drawn, ...[...shares.values()].flatMap(splitEdge)];
  const sent = new Map<string, number>();
  for (const { from, requestsPerSecond } of drawn) {
    sent.set(from, (sent.get(from) ?? 0) + requestsPerSecond);
  }
  const nodes = new Map<string, GraphNode>();
  for (const traffic of services) {
    const id = idOf(traffic.service);
    nodes.set(id, serviceNode(traffic, sent.get(id) ?? 0, shares.get(id) ?? null));
  }
  const ends = told.flatMap(({ source, destination }) => [source, destination]);
  for (const ref of ends) {
    const id = idOf(ref);
    if (!nodes.has(id)) nodes.set(id, outsideNode(ref, sent.get(id) ?? 0));
  }
  return {
    nodes: [...nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    // A backend that is no service of the mesh any more has no place to lead to.
    edges: edges.filter(({ from, to }) => nodes.has(from) && nodes.has(to)),
    calls,
  };
}

function serviceNode(
  { service, health, healthReason, inbound }: ServiceTraffic,
  sentPerSecond: number,
  split: SplitShare | null,
): GraphNode {
  return {
    id: idOf(service),
    kind: "service",
    ...service,
    label: serviceName(service),
    health,
    healthReason,
    requestsPerSecond: inbound.requests === 0 ? null : inbound.requestsPerSecond,
    errorRate: inbound.errorRate,
    bytesPerSecond: inbound.tcp.sentBytesPerSecond + inbound.tcp.receivedBytesPerSecond,
    sentPerSecond,
    services: 1,
    split,
  };
}

function outsideNode(ref: ServiceRef, sentPerSecond: number): GraphNode {
  return {
    id: idOf(ref),
    kind: "outside",
    ...ref,
    label: ref.name === "unknown" ? "unknown" : serviceName(ref),
    health: "unknown",
    healthReason: "it is no service of the mesh",
    requestsPerSecond: null,
    errorRate: null,
    bytesPerSecond: 0,
    sentPerSecond,
    services: 1,
    split: null,
  };
}

/** One for each pair, whatever protocols they speak. */
function callsOf(told: readonly EdgeTraffic[]): readonly GraphEdge[] {
  const byPair = new Map<string, GraphEdge>();
  for (const one of told) {
    const [from, to] = [idOf(one.source), idOf(one.destination)];
    const edge = edgeOf(one, from, to);
    const known = byPair.get(edge.id);
    byPair.set(edge.id, known === undefined ? edge : joined(known, edge));
  }
  return [...byPair.values()];
}

function edgeOf({ traffic, security, protocol }: EdgeTraffic, from: string, to: string): GraphEdge {
  const { requests, requestsPerSecond, errors, errorRate, latency, tcp } = traffic;
  return {
    ...{ id: `${from}>${to}`, from, to },
    ...{ requests, requestsPerSecond, errors, errorRate },
    p99: latency.p99,
    bytesPerSecond: tcp.sentBytesPerSecond + tcp.receivedBytesPerSecond,
    security,
    protocols: protocol,
    split: null,
  };
}

/** The two as one. */
export function joined(a: GraphEdge, b: GraphEdge): GraphEdge {
  const requests = a.requests + b.requests;
  const errors = a.errors + b.errors;
  const protocols = new Set([...a.protocols.split(", "), ...b.protocols.split(", ")]);
  return {
    ...a,
    requests,
    errors,
    requestsPerSecond: a.requestsPerSecond + b.requestsPerSecond,
    errorRate: requests === 0 ? null : errors / requests,
    p99: null,
    bytesPerSecond: a.bytesPerSecond + b.bytesPerSecond,
    security: joinedSecurity(a.security, b.security),
    protocols: [...protocols].sort().join(", "),
  };
}

/** Closed only where every part is. */
function joinedSecurity(a: Security, b: Security): Security {
  if (a === b) return a;
  return [a, b].some((one) => one === "none" || one === "mixed") ? "mixed" : "unknown";
}

/**
 * Callers' sidecars say to which backend of a split requests go, called ones for which Service they came. Where both are
 * told, the request is drawn once: to the Service, and from there with the share of the split.
 */
function withoutTwice(
  edges: readonly GraphEdge[],
  shares: ReadonlyMap<string, SplitShare>,
): readonly GraphEdge[] {
  const ids = new Set(edges.map(({ id }) => id));
  return edges.filter(({ from, to }) => {
    const share = shares.get(to);
    return share === undefined || !share.isApart || !ids.has(`${from}>${share.service}`);
  });
}

function splitEdge(split: SplitShare): readonly GraphEdge[] {
  if (!split.isApart) return [];
  const { service: from, backend: to, traffic } = split;
  const { requests, requestsPerSecond, errors, errorRate, latency } = traffic;
  return [
    {
      ...{ id: `${from}>${to}`, from, to, requests, requestsPerSecond, errors, errorRate },
      ...{ p99: latency.p99, bytesPerSecond: 0, security: "unknown", protocols: "route", split },
    },
  ];
}
