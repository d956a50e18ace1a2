/** Where nodes and edges stand: callers to the left of what they call. Runs in the worker; pure. */
import { layout as dagre, Graph } from "@dagrejs/dagre";
import { columnLayout } from "./column-layout.ts";
import type { EdgePlace, Layout, LayoutRequest, Point } from "./layout-types.ts";

/** Beyond these the layered layout takes seconds, and its long detours are no easier to read. */
const LAYERED_NODES_MAX = 60;
const LAYERED_EDGES_MAX = 140;
const ROW_GAP = 18;
const RANK_GAP = 56;
/** Where something is written in it. */
const WRITTEN_RANK_GAP = 84;
const EDGE_GAP = 12;
const WRITTEN_EDGE_GAP = 24;
/** Between the graph and those that speak with nobody, which stand below it. */
const ALONE_GAP = 40;
const ALONE_COLUMN_GAP = 24;
const ORIGIN: Point = [0, 0];

export function meshLayout(request: LayoutRequest): Layout {
  const { nodes, edges } = request;
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const together = { ...request, nodes: nodes.filter(({ id }) => ends.has(id)) };
  const isLarge = together.nodes.length > LAYERED_NODES_MAX || edges.length > LAYERED_EDGES_MAX;
  const layout = isLarge ? columnLayout(together) : layeredLayout(together);
  return withAlone(
    layout,
    nodes.filter(({ id }) => !ends.has(id)),
  );
}

function layeredLayout({ key, nodes, edges, isWritten }: LayoutRequest): Layout {
  const graph = new Graph();
  const ranksep = isWritten ? WRITTEN_RANK_GAP : RANK_GAP;
  const edgesep = isWritten ? WRITTEN_EDGE_GAP : EDGE_GAP;
  graph.setGraph({ rankdir: "LR", nodesep: ROW_GAP, edgesep, ranksep });
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  for (const { from, to } of edges) graph.setEdge(from, to, {});
  dagre(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const places = nodes.map(({ id }): readonly [string, Point] => {
    const { x = 0, y = 0 } = graph.node(id) as { x?: number; y?: number };
    return [id, [x, y]];
  });
  const lines = edges.map(({ id, from, to }): readonly [string, EdgePlace] => {
    const edge = graph.edge(from, to) as {
      readonly points: readonly { readonly x: number; readonly y: number }[];
    };
    const points = edge.points.map(({ x, y }): Point => [x, y]);
    return [id, { points, label: labelPoint(points) }];
  });
  return { key, width, height, nodes: new Map(places), edges: new Map(lines) };
}

/** On the line, in its middle: the layout keeps lines so far from each other there that they can be written on. */
function labelPoint(points: readonly Point[]): Point {
  const index = Math.floor(points.length / 2);
  const bend = points[index] ?? ORIGIN;
  const [before, after] = [points[index - 1] ?? bend, points[index + 1] ?? bend];
  const from = index > 1 ? between(before, bend, 0.5) : before;
  const to = index < points.length - 2 ? between(bend, after, 0.5) : after;
  return between(between(from, bend, 0.5), between(bend, to, 0.5), 0.5);
}

function between(a: Point, b: Point, share: number): Point {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
}

/** Rows of them, below the rest. */
function withAlone(layout: Layout, alone: LayoutRequest["nodes"]): Layout {
  if (alone.length === 0) return layout;
  const columnWidth = Math.max(...alone.map(({ width }) => width)) + ALONE_COLUMN_GAP;
  const rowHeight = Math.max(...alone.map(({ height }) => height)) + ROW_GAP;
  const wanted = Math.max(layout.width, columnWidth * Math.ceil(Math.sqrt(alone.length)));
  const perRow = Math.max(1, Math.floor((wanted + ALONE_COLUMN_GAP) / columnWidth));
  const top = layout.height === 0 ? 0 : layout.height + ALONE_GAP;
  const nodes = new Map(layout.nodes);
  for (const [index, { id }] of alone.entries()) {
    const [column, row] = [index % perRow, Math.floor(index / perRow)];
    nodes.set(id, [
      column * columnWidth + (columnWidth - ALONE_COLUMN_GAP) / 2,
      top + row * rowHeight + (rowHeight - ROW_GAP) / 2,
    ]);
  }
  const columns = Math.min(perRow, alone.length);
  return {
    ...layout,
    nodes,
    width: Math.max(layout.width, columns * columnWidth - ALONE_COLUMN_GAP),
    height: top + Math.ceil(alone.length / perRow) * rowHeight - ROW_GAP,
  };
}
