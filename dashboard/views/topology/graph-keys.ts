/**
 * The keys of the drawing. It is one stop of the tab key; in it, right follows a call, left goes back along one, up and down go
 * from neighbour to neighbour. Pure.
 */
import type { Layout, Point } from "./layout-types.ts";
import type { GraphEdge, MeshGraph } from "./mesh-graph.ts";

/** A node or an edge of the drawing. */
export interface Stop {
  readonly kind: "node" | "edge";
  readonly id: string;
}

/** Nodes whose middles are within it stand in one column. */
const COLUMN_PX = 40;

/** Where an arrow key leads; undefined: nowhere. */
export function nextStop(
  graph: MeshGraph,
  layout: Layout,
  { stop, key }: { readonly stop: Stop; readonly key: string },
): Stop | undefined {
  if (key === "Home" || key === "End") {
    const order = byPlace(graph, layout);
    const id = key === "Home" ? order[0] : order.at(-1);
    return id === undefined ? undefined : { kind: "node", id };
  }
  return stop.kind === "node"
    ? fromNode(graph, layout, { id: stop.id, key })
    : fromEdge(graph, layout, { id: stop.id, key });
}

function fromNode(
  graph: MeshGraph,
  layout: Layout,
  { id, key }: { readonly id: string; readonly key: string },
): Stop | undefined {
  if (key === "ArrowRight" || key === "ArrowLeft") {
    const [edge] = edgesAt(graph, layout, { id, side: key === "ArrowRight" ? "from" : "to" });
    return edge === undefined ? undefined : { kind: "edge", id: edge.id };
  }
  const [x = 0] = layout.nodes.get(id) ?? [];
  const column = byPlace(graph, layout).filter(
    (other) => columnOf(layout.nodes.get(other) ?? [0, 0]) === columnOf([x, 0]),
  );
  const next = column[column.indexOf(id) + (key === "ArrowDown" ? 1 : -1)];
  return next === undefined ? undefined : { kind: "node", id: next };
}

function fromEdge(
  graph: MeshGraph,
  layout: Layout,
  { id, key }: { readonly id: string; readonly key: string },
): Stop | undefined {
  const edge = graph.edges.find((one) => one.id === id);
  if (edge === undefined) return undefined;
  if (key === "ArrowRight") return { kind: "node", id: edge.to };
  if (key === "ArrowLeft") return { kind: "node", id: edge.from };
  // Among the calls of the same caller; where it has no other, among those of the called one.
  const own = edgesAt(graph, layout, { id: edge.from, side: "from" });
  const siblings = own.length > 1 ? own : edgesAt(graph, layout, { id: edge.to, side: "to" });
  const index = siblings.findIndex((one) => one.id === id);
  const next = siblings[index + (key === "ArrowDown" ? 1 : -1)];
  return next === undefined ? undefined : { kind: "edge", id: next.id };
}

/** From top to bottom of their other end. */
function edgesAt(
  { edges }: MeshGraph,
  layout: Layout,
  { id, side }: { readonly id: string; readonly side: "from" | "to" },
): readonly GraphEdge[] {
  const other = side === "from" ? "to" : "from";
  const top = (edge: GraphEdge): number => layout.nodes.get(edge[other])?.[1] ?? 0;
  return edges
    .filter((edge) => edge[side] === id && edge.from !== edge.to)
    .toSorted((a, b) => top(a) - top(b));
}

/** From left to right, and from top to bottom. */
export function byPlace({ nodes }: MeshGraph, layout: Layout): readonly string[] {
  return nodes
    .map(({ id }) => ({ id, place: layout.nodes.get(id) ?? ([0, 0] as const) }))
    .toSorted((a, b) => columnOf(a.place) - columnOf(b.place) || a.place[1] - b.place[1])
    .map(({ id }) => id);
}

function columnOf([x]: Point): number {
  return Math.round(x / COLUMN_PX);
}
