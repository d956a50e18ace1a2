/** Who calls whom. Callers' sidecars tell how much and how it went, called ones whether the caller was proven. */
import type { TrafficTotals } from "../telemetry/store/traffic-read.ts";
import type { EdgesResponse, EdgeTraffic, ServiceRef } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { addTotals, NO_TRAFFIC, secondsOf, trafficFigures } from "./telemetry-figures.ts";
import { refText } from "./telemetry-mesh.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";
import { stepWindow } from "./telemetry-step-window.ts";

const UNKNOWN = "unknown";

interface Edge {
  readonly source: ServiceRef;
  readonly destination: ServiceRef;
  readonly protocol: EdgeTraffic["protocol"];
  sourcePrincipal: string | null;
  destinationPrincipal: string | null;
  /** By callers' sidecars. */
  told: TrafficTotals;
  isTold: boolean;
  /** By called ones. */
  seen: TrafficTotals;
  hasProven: boolean;
  hasUnproven: boolean;
}

export async function edgeViews(deps: AdminApiDeps, asked: AskedWindow): Promise<EdgesResponse> {
  const { fromMs, toMs, namespace, service } = asked;
  const answer = await deps.telemetry.traffic({
    ...{ fromMs, toMs, hasSteps: false, where: {} },
    by: [
      "reporter",
      "sourceNamespace",
      "sourceName",
      "destinationNamespace",
      "destinationName",
      "protocol",
      "sourcePrincipal",
      "destinationPrincipal",
      "security",
    ],
  });
  const serviceOf = servicesByPrincipal(deps);
  const edges = new Map<string, Edge>();
  for (const { key, totals } of answer.rows) {
    const [reporter, sourceNamespace = "", sourceName = ""] = key;
    const [destinationNamespace = "", destinationName = "", protocol] = key.slice(3);
    const [sourcePrincipal = "", destinationPrincipal = "", security] = key.slice(6);
    if (reporter !== "source" && reporter !== "destination") continue;
    const source = (reporter === "destination" ? serviceOf.get(sourcePrincipal) : undefined) ?? {
      namespace: sourceNamespace,
      name: sourceName,
    };
    const edge = edgeOf(edges, {
      source,
      destination: { namespace: destinationNamespace, name: destinationName },
      protocol: protocol === "tcp" || protocol === "grpc" ? protocol : "http",
    });
    if (sourcePrincipal !== UNKNOWN) edge.sourcePrincipal = sourcePrincipal;
    if (destinationPrincipal !== UNKNOWN) edge.destinationPrincipal = destinationPrincipal;
    if (reporter === "source") {
      edge.told = addTotals(edge.told, totals);
      edge.isTold = true;
      continue;
    }
    edge.seen = addTotals(edge.seen, totals);
    if (security === "mutual_tls") edge.hasProven = true;
    else edge.hasUnproven = true;
  }
  const seconds = secondsOf(stepWindow(answer, deps));
  const isOf = (ref: ServiceRef): boolean =>
    (namespace === undefined && service === undefined) ||
    (ref.namespace === (namespace ?? "default") && (service === undefined || ref.name === service));
  return {
    window: windowView(answer),
    edges: [...edges.values()]
      .filter(({ source, destination }) => isOf(source) || isOf(destination))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
      .map((edge) => edgeView(edge, seconds)),
  };
}

function orderOf({ source, destination, protocol }: Edge): string {
  return `${refText(source)} ${refText(destination)} ${protocol}`;
}

function edgeOf(
  edges: Map<string, Edge>,
  ends: Pick<Edge, "source" | "destination" | "protocol">,
): Edge {
  const key = orderOf({ ...ends } as Edge);
  const known = edges.get(key);
  if (known !== undefined) return known;
  const edge: Edge = {
    ...ends,
    ...{ sourcePrincipal: null, destinationPrincipal: null },
    ...{ told: NO_TRAFFIC, isTold: false, seen: NO_TRAFFIC },
    ...{ hasProven: false, hasUnproven: false },
  };
  edges.set(key, edge);
  return edge;
}

function edgeView(edge: Edge, seconds: number): EdgeTraffic {
  return {
    source: edge.source,
    destination: edge.destination,
    sourcePrincipal: edge.sourcePrincipal,
    destinationPrincipal: edge.destinationPrincipal,
    protocol: edge.protocol,
    security: securityOf(edge),
    traffic: trafficFigures(edge.isTold ? edge.told : edge.seen, seconds),
  };
}

function securityOf({
  hasProven,
  hasUnproven,
  destinationPrincipal,
}: Edge): EdgeTraffic["security"] {
  if (hasProven) return hasUnproven ? "mixed" : "mutual_tls";
  if (hasUnproven) return "none";
  // Nobody at the other end tells, but the caller's sidecar has seen its certificate.
  return destinationPrincipal === null ? "unknown" : "mutual_tls";
}

/** A called sidecar knows its callers by their certificates alone; proxies that are here say of which service they are. */
export function servicesByPrincipal(deps: AdminApiDeps): ReadonlyMap<string, ServiceRef> {
  const services = new Map<string, ServiceRef>();
  for (const { node } of deps.proxies.list()) {
    const { namespace } = node.scope;
    const name = node.scope.labels["app"] ?? node.service;
    services.set(node.spiffeId, { namespace, name });
  }
  return services;
}
