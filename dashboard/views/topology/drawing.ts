/** Measures and words of the drawing. The measures depend on names alone, so that figures move nothing. Pure. */
import { formatBytes, formatCount, formatMs, formatRate, formatShare } from "../../core/format.ts";
import { HEALTH, toneOfErrors } from "../../core/health.ts";
import type { LayoutRequest, Point } from "./layout-types.ts";
import type { GraphEdge, GraphNode, MeshGraph } from "./mesh-graph.ts";

/** With more edges, only those of what is picked are written on. */
const WRITTEN_EDGES_MAX = 70;
const NODE_HEIGHT = 48;
/** With the number of its services. */
const NAMESPACE_HEIGHT = 64;
/** With wanted and observed share. */
const SPLIT_NODE_HEIGHT = 72;
const NODE_WIDTH_MIN = 156;
const NODE_WIDTH_MAX = 216;
const NAME_CHARACTER_PX = 7.1;
/** Beside the name: mark and margins. */
const NODE_PADDING_PX = 42;
const LABEL_CHARACTER_PX = 6;

export interface NodeSize {
  readonly width: number;
  readonly height: number;
}

/** The same question for the same nodes and edges, whatever their figures are. */
export function layoutRequest({ nodes, edges }: MeshGraph): LayoutRequest {
  const longest = Math.max(0, ...nodes.map(({ label }) => label.length));
  const wanted = Math.ceil(longest * NAME_CHARACTER_PX) + NODE_PADDING_PX;
  const width = Math.min(NODE_WIDTH_MAX, Math.max(NODE_WIDTH_MIN, wanted));
  const request = {
    nodes: nodes.map((node) => ({ id: node.id, width, height: heightOf(node) })),
    // By name: which of two equal edges comes first must not depend on the order of the answer.
    edges: edges
      .map(({ id, from, to }) => ({ id, from, to }))
      .filter(({ from, to }) => from !== to)
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    isWritten: isWritten(edges),
  };
  return { key: JSON.stringify(request), ...request };
}

function heightOf({ kind, split }: GraphNode): number {
  if (kind === "namespace") return NAMESPACE_HEIGHT;
  return split === null ? NODE_HEIGHT : SPLIT_NODE_HEIGHT;
}

export function isWritten(edges: readonly GraphEdge[]): boolean {
  return edges.length <= WRITTEN_EDGES_MAX;
}

/** A name as it fits into a node: its end tells versions apart, so the middle goes. */
export function fittedName(label: string, width: number): string {
  const room = Math.floor((width - NODE_PADDING_PX) / NAME_CHARACTER_PX) + 1;
  if (label.length <= room) return label;
  const end = Math.floor((room - 1) / 3);
  return `${label.slice(0, room - 1 - end)}…${label.slice(-end)}`;
}

/** Wider the more goes through, by powers of ten: 1 request/s is thin, 10,000 are four times as wide. */
export function strokeWidth({ requestsPerSecond, bytesPerSecond }: GraphEdge): number {
  const rate = Math.max(requestsPerSecond, bytesPerSecond / 10_000);
  return 1.3 + 1.05 * Math.log10(1 + rate);
}

export type EdgeTone = "calm" | "warn" | "bad" | "idle" | "split";

export function toneOf({ errorRate, requests, bytesPerSecond, split }: GraphEdge): EdgeTone {
  const tone = toneOfErrors(errorRate);
  if (tone === "bad" || tone === "warn") return tone;
  if (split !== null) return "split";
  return requests === 0 && bytesPerSecond === 0 ? "idle" : "calm";
}

/** What is written on an edge. */
export function edgeText(edge: GraphEdge, isPicked: boolean): string {
  const { requests, requestsPerSecond, bytesPerSecond, errorRate, p99, split } = edge;
  if (split !== null) return `${formatShare(split.configured)} · ${formatShare(split.observed)}`;
  if (requests === 0) return bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : "idle";
  const parts = [`${formatRate(requestsPerSecond)}/s`];
  if (isFailing(errorRate)) parts.push(formatShare(errorRate));
  if (isPicked && p99 !== null) parts.push(`P99 ${formatMs(p99)}`);
  return parts.join(" · ");
}

export function isFailing(errorRate: number | null): boolean {
  const tone = toneOfErrors(errorRate);
  return tone === "bad" || tone === "warn";
}

export function textWidth(text: string): number {
  return Math.ceil(text.length * LABEL_CHARACTER_PX);
}

export const SECURITY_WORDS: Readonly<Record<GraphEdge["security"], string>> = {
  mutual_tls: "mutual TLS",
  mixed: "mutual TLS in part",
  none: "plain text",
  unknown: "nobody tells whether it is secured",
};

/** An edge in a sentence, for those who hear it. */
export function edgeSentence(edge: GraphEdge, names: ReadonlyMap<string, string>): string {
  const { from, to, requests, requestsPerSecond, errorRate, security, split } = edge;
  const ends = `${names.get(from) ?? from} to ${names.get(to) ?? to}`;
  if (split !== null) {
    return `${ends}: a route sends it ${formatShare(split.configured)}, observed ${formatShare(split.observed)}`;
  }
  const traffic =
    requests === 0
      ? edgeText(edge, false)
      : `${formatRate(requestsPerSecond)} requests/s, ${formatShare(errorRate)} errors`;
  return `${ends}: ${traffic}, ${SECURITY_WORDS[security]}`;
}

/** A node in a sentence. */
export function nodeSentence(node: GraphNode): string {
  const { label, kind, health, services } = node;
  const figures =
    node.requestsPerSecond === null
      ? ""
      : `, ${formatRate(node.requestsPerSecond)} requests/s, ${formatShare(node.errorRate)} errors`;
  const what = kind === "namespace" ? `, namespace of ${formatCount(services)} services` : "";
  const share =
    node.split === null
      ? ""
      : `, wanted ${formatShare(node.split.configured)}, observed ${formatShare(node.split.observed)}`;
  const why = node.healthReason === null ? "" : ` (${node.healthReason})`;
  return `${label}${what}: ${HEALTH[health].word.toLowerCase()}${why}${figures}${share}`;
}

/** A smooth line by way of the points: B-splines between the middles, straight at both ends. */
export function linePath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  const start = `M${at(first)}`;
  if (rest.length === 1) {
    const reach = (last[0] - first[0]) / 2;
    return `${start}C${at([first[0] + reach, first[1]])} ${at([last[0] - reach, last[1]])} ${at(last)}`;
  }
  let path = start;
  for (const [index, point] of rest.slice(0, -1).entries()) {
    const next = rest[index + 1] ?? last;
    const isEnd = index === rest.length - 2;
    path += `Q${at(point)} ${at(isEnd ? next : middle(point, next))}`;
  }
  return path;
}

function middle(a: Point, b: Point): Point {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

function at([x, y]: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}
