/** What of the mesh is drawn: one namespace, what is around a service, or namespaces in place of their services. Pure. */
import { HEALTH } from "../../core/health.ts";
import { type GraphEdge, type GraphNode, joined, type MeshGraph } from "./mesh-graph.ts";

/** More nodes than this are not read at once. */
export const READABLE_MAX = 60;

const NAMESPACE = "namespace:";

/** The id of a namespace that stands for its services. */
export function namespaceId(namespace: string): string {
  return `${NAMESPACE}${namespace}`;
}

/** What is called and calls within so many steps; calls among those at the rim are left out. */
export function neighbourhood(graph: MeshGraph, center: string, steps: number): MeshGraph {
  const distance = new Map([[center, 0]]);
  const neighbours = adjacency(graph.edges);
  let rim = [center];
  for (let step = 1; step <= steps; step++) {
    const next: string[] = [];
    for (const id of rim) {
      for (const other of neighbours.get(id) ?? []) {
        if (distance.has(other)) continue;
        distance.set(other, step);
        next.push(other);
      }
    }
    rim = next;
  }
  const isWithin = (id: string): boolean => (distance.get(id) ?? steps) < steps;
  return {
    nodes: graph.nodes.filter(({ id }) => distance.has(id)),
    edges: graph.edges.filter(({ from, to }) => isWithin(from) || isWithin(to)),
  };
}

/** By id, those on the other end of an edge. */
export function adjacency(edges: readonly GraphEdge[]): ReadonlyMap<string, ReadonlySet<string>> {
  const neighbours = new Map<string, Set<string>>();
  const add = (a: string, b: string): void => {
    const known = neighbours.get(a);
    if (known === undefined) neighbours.set(a, new Set([b]));
    else known.add(b);
  };
  for (const { from, to } of edges) {
    add(from, to);
    add(to, from);
  }
  return neighbours;
}

/** The services of a namespace and those with which they speak. */
export function ofNamespace(graph: MeshGraph, namespace: string): MeshGraph {
  const own = new Set(
    graph.nodes.filter((node) => node.namespace === namespace).map(({ id }) => id),
  );
  const edges = graph.edges.filter(({ from, to }) => own.has(from) || own.has(to));
  const shown = new Set([...own, ...edges.flatMap(({ from, to }) => [from, to])]);
  return { nodes: graph.nodes.filter(({ id }) => shown.has(id)), edges };
}

/** Each namespace as one node, but those that are open. */
export function byNamespace(graph: MeshGraph, open: ReadonlySet<string>): MeshGraph {
  const groups = new Map<string, GraphNode[]>();
  const nodes: GraphNode[] = [];
  const placeOf = new Map<string, string>();
  for (const node of graph.nodes) {
    const isOwn = open.has(node.namespace) || node.kind === "outside";
    placeOf.set(node.id, isOwn ? node.id : namespaceId(node.namespace));
    if (isOwn) nodes.push(node);
    else groups.set(node.namespace, [...(groups.get(node.namespace) ?? []), node]);
  }
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const [from, to] = [placeOf.get(edge.from) ?? "", placeOf.get(edge.to) ?? ""];
    const isMoved = from !== edge.from || to !== edge.to;
    // Calls within a namespace are its own affair; how a route divides them, too.
    if (from === to || (isMoved && edge.split !== null)) continue;
    const id = `${from}>${to}`;
    const moved = isMoved ? { ...edge, id, from, to } : edge;
    const known = edges.get(id);
    edges.set(id, known === undefined ? moved : joined(known, moved));
  }
  const sent = new Map<string, number>();
  for (const { from, requestsPerSecond } of edges.values()) {
    sent.set(from, (sent.get(from) ?? 0) + requestsPerSecond);
  }
  for (const [namespace, members] of groups) {
    nodes.push(namespaceNode(namespace, members, sent.get(namespaceId(namespace)) ?? 0));
  }
  return {
    nodes: nodes.sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges: [...edges.values()],
  };
}

/** As bad as the worst of its services. */
function namespaceNode(
  namespace: string,
  members: readonly GraphNode[],
  sentPerSecond: number,
): GraphNode {
  const rate = members.reduce((sum, one) => sum + (one.requestsPerSecond ?? 0), 0);
  const failing = members.reduce(
    (sum, one) => sum + (one.requestsPerSecond ?? 0) * (one.errorRate ?? 0),
    0,
  );
  const { health } = worstOf(members);
  const alike = members.filter((one) => one.health === health).length;
  return {
    id: namespaceId(namespace),
    kind: "namespace",
    namespace,
    name: namespace,
    label: namespace,
    health,
    healthReason: `${alike} of ${members.length} services: ${HEALTH[health].word.toLowerCase()}`,
    requestsPerSecond: rate === 0 ? null : rate,
    errorRate: rate === 0 ? null : failing / rate,
    bytesPerSecond: members.reduce((sum, one) => sum + one.bytesPerSecond, 0),
    sentPerSecond,
    services: members.length,
    split: null,
  };
}

function worstOf(nodes: readonly GraphNode[]): GraphNode {
  const [first, ...others] = nodes;
  if (first === undefined) throw new RangeError("there is no node");
  return others.reduce(
    (worst, one) => (HEALTH[one.health].rank < HEALTH[worst.health].rank ? one : worst),
    first,
  );
}

/** Where to begin in a mesh that is too large: the worst, and of those the busiest. */
export function startOf(nodes: readonly GraphNode[]): GraphNode | undefined {
  return nodes
    .filter(({ kind }) => kind === "service")
    .toSorted(
      (a, b) =>
        HEALTH[a.health].rank - HEALTH[b.health].rank ||
        (b.requestsPerSecond ?? 0) - (a.requestsPerSecond ?? 0),
    )[0];
}
