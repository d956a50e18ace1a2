/**
 * The layout of large graphs: columns from callers to called, quick however many edges there are. Edges are not led around
 * nodes, which with hundreds of them nobody could follow either. Pure; the same graph gives the same picture.
 */
import type { EdgePlace, Layout, LayoutRequest, Point } from "./layout-types.ts";

const COLUMN_GAP = 96;
const ROW_GAP = 14;
/** Nodes above each other before a column is divided. */
const COLUMN_MAX = 22;
/** Of the number of nodes: as many columns make a picture that is nearly twice as wide as high. */
const COLUMNS_PER_ROOT = 0.68;
/** Passes over the columns, forth and back, that move nodes beside those with which they speak. */
const SWEEPS = 8;

type Node = LayoutRequest["nodes"][number];

export function columnLayout(request: LayoutRequest): Layout {
  const { key, nodes, edges } = request;
  const order = flowOrder(request);
  const columns = columnsOf(nodes, edges, order);
  straighten(columns, edges);
  const { places, width, height } = positions(columns);
  const sizes = new Map(nodes.map((node) => [node.id, node]));
  const lines = edges.flatMap(({ id, from, to }): readonly (readonly [string, EdgePlace])[] => {
    const [a, b, size] = [places.get(from), places.get(to), sizes.get(from)];
    const target = sizes.get(to);
    if (a === undefined || b === undefined || size === undefined || target === undefined) return [];
    return [[id, straightEdge(a, b, size.width / 2, target.width / 2)]];
  });
  return { key, width, height, nodes: places, edges: new Map(lines) };
}

/** Between the sides that face each other; within a column around its right side. */
function straightEdge(a: Point, b: Point, halfA: number, halfB: number): EdgePlace {
  const isForth = b[0] > a[0];
  const isBack = b[0] < a[0];
  const from: Point = [a[0] + (isBack ? -halfA : halfA), a[1]];
  const to: Point = [b[0] + (isForth ? -halfB : halfB), b[1]];
  const label: Point = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  if (isForth || isBack) return { points: [from, to], label };
  const bend: Point = [from[0] + COLUMN_GAP / 2, label[1]];
  return { points: [from, bend, to], label: bend };
}

/**
 * Callers first, as far as circles allow: whoever has more calls than callers among those that are left comes next (Eades, Lin
 * and Smyth, "A fast and effective heuristic for the feedback arc set problem", 1993).
 */
function flowOrder({ nodes, edges }: LayoutRequest): ReadonlyMap<string, number> {
  const [callees, callers] = [listsOf(edges, "from", "to"), listsOf(edges, "to", "from")];
  const left = new Map<string, Degree>(
    nodes.map(({ id }) => [
      id,
      { out: callees.get(id)?.length ?? 0, in: callers.get(id)?.length ?? 0 },
    ]),
  );
  const order = new Map<string, number>();
  while (left.size > 0) {
    const next = firstOf(left);
    left.delete(next);
    order.set(next, order.size);
    for (const id of callees.get(next) ?? []) lower(left.get(id), "in");
    for (const id of callers.get(next) ?? []) lower(left.get(id), "out");
  }
  return order;
}

interface Degree {
  out: number;
  in: number;
}

function firstOf(left: ReadonlyMap<string, Degree>): string {
  let [first, most] = ["", Number.NEGATIVE_INFINITY];
  for (const [id, degree] of left) {
    const score = degree.in === 0 ? Number.MAX_SAFE_INTEGER : degree.out - degree.in;
    if (score > most) [first, most] = [id, score];
  }
  return first;
}

function lower(degree: Degree | undefined, side: keyof Degree): void {
  if (degree !== undefined) degree[side]--;
}

type Ends = "from" | "to";

function listsOf(
  edges: LayoutRequest["edges"],
  by: Ends,
  of: Ends,
): ReadonlyMap<string, readonly string[]> {
  const lists = new Map<string, string[]>();
  for (const edge of edges) {
    const list = lists.get(edge[by]);
    if (list === undefined) lists.set(edge[by], [edge[of]]);
    else list.push(edge[of]);
  }
  return lists;
}

/** By how many steps they are from a first caller; where that makes a long thin picture, by their place in the order. */
function columnsOf(
  nodes: readonly Node[],
  edges: LayoutRequest["edges"],
  order: ReadonlyMap<string, number>,
): Node[][] {
  const place = (id: string): number => order.get(id) ?? 0;
  const sorted = nodes.toSorted((a, b) => place(a.id) - place(b.id));
  const forth = listsOf(
    edges.filter(({ from, to }) => place(from) < place(to)),
    "to",
    "from",
  );
  const layer = new Map<string, number>();
  for (const { id } of sorted) {
    const before = (forth.get(id) ?? []).map((caller) => layer.get(caller) ?? 0);
    layer.set(
      id,
      before.reduce((most, one) => Math.max(most, one + 1), 0),
    );
  }
  const wide = Math.max(1, Math.ceil(COLUMNS_PER_ROOT * Math.sqrt(nodes.length)));
  const isThin = Math.max(...layer.values()) > 1.5 * wide;
  const perColumn = Math.ceil(nodes.length / wide);
  const columns: Node[][] = [];
  for (const [index, node] of sorted.entries()) {
    const column = isThin ? Math.floor(index / perColumn) : (layer.get(node.id) ?? 0);
    const list = columns[column];
    if (list === undefined) columns[column] = [node];
    else list.push(node);
  }
  return columns.filter(Boolean).flatMap(divided);
}

function divided(column: Node[]): Node[][] {
  const parts = Math.ceil(column.length / COLUMN_MAX);
  const size = Math.ceil(column.length / parts);
  return Array.from({ length: parts }, (_, part) => column.slice(part * size, (part + 1) * size));
}

/** Moves nodes up and down in their columns towards the middle of those with which they speak. */
function straighten(columns: Node[][], edges: LayoutRequest["edges"]): void {
  const neighbours = listsOf(
    edges.flatMap(({ id, from, to }) => [
      { id, from, to },
      { id, from: to, to: from },
    ]),
    "from",
    "to",
  );
  const row = new Map<string, number>();
  const number = (column: Node[]): void => {
    for (const [index, { id }] of column.entries()) row.set(id, index - column.length / 2);
  };
  for (const column of columns) number(column);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const column of sweep % 2 === 0 ? columns : columns.toReversed()) {
      const middle = new Map(
        column.map(({ id }) => {
          const rows = (neighbours.get(id) ?? []).map((other) => row.get(other) ?? 0);
          const sum = rows.reduce((all, one) => all + one, 0);
          return [id, rows.length === 0 ? (row.get(id) ?? 0) : sum / rows.length];
        }),
      );
      column.sort((a, b) => (middle.get(a.id) ?? 0) - (middle.get(b.id) ?? 0));
      number(column);
    }
  }
}

function positions(columns: readonly Node[][]): {
  readonly places: ReadonlyMap<string, Point>;
  readonly width: number;
  readonly height: number;
} {
  const heights = columns.map((column) =>
    column.reduce((sum, node) => sum + node.height + ROW_GAP, -ROW_GAP),
  );
  const height = Math.max(0, ...heights);
  const places = new Map<string, Point>();
  let left = 0;
  for (const [index, column] of columns.entries()) {
    const width = Math.max(...column.map((node) => node.width));
    let top = (height - (heights[index] ?? 0)) / 2;
    for (const node of column) {
      places.set(node.id, [left + width / 2, top + node.height / 2]);
      top += node.height + ROW_GAP;
    }
    left += width + COLUMN_GAP;
  }
  return { places, width: Math.max(0, left - COLUMN_GAP), height };
}
