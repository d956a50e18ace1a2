/** One trace for people: a line for each span, indented by its depth, with a bar that says when it ran. */
import type { SpanView, TraceResponse } from "../../control-plane/telemetry-types.ts";
import type { TextWriter } from "../context.ts";
import type { Style } from "../output/style.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";
import { hasNamespaces, latencyText, serviceText } from "./figures.ts";
import { logLine } from "./log-text.ts";

const BAR_WIDTH = 32;
/** Deeper ones stand beside each other. */
const DEPTH_MAX = 12;
/** Attributes that say more than the name does, the most telling first. */
const TOLD = [
  "http.response.status_code",
  "rpc.grpc.status_code",
  "mesh.response_flags",
  "http.request.resend_count",
  "mesh.route.name",
] as const;

export function traceText(
  trace: TraceResponse,
  out: Pick<TextWriter, "style" | "columns">,
): string {
  const { style } = out;
  const { summary, spans } = trace;
  const hasNamespace = hasNamespaces(spans.map(({ service }) => service));
  const result = summary.hasError ? style.red("■ error") : style.green("● ok");
  const head = `${style.bold(trace.traceId)}  ${summary.startTime}  ${latencyText(summary.durationMs)}  ${result}\n\n`;
  const depths = depthsOf(spans);
  const columns: readonly Column[] = [
    { title: "SPAN", isKept: true },
    { title: "SIDE" },
    { title: "START", align: "right" },
    { title: "TOOK", align: "right" },
    { title: "", isKept: true },
    { title: "RESULT" },
  ];
  const rows = spans.map((span): readonly Cell[] => {
    const indent = "  ".repeat(Math.min(DEPTH_MAX, depths.get(span.spanId) ?? 0));
    return [
      `${indent}${serviceText(span.service, hasNamespace)} ${span.name}`,
      span.kind,
      latencyText(span.offsetMs),
      latencyText(span.durationMs),
      { text: bar(span, summary.durationMs), paint: span.isError ? style.red : style.cyan },
      resultCell(span, style),
    ];
  });
  const table = renderTable({ columns, rows, style, width: out.columns });
  return head + table + hintsText(trace, style) + logsText(trace, style);
}

/** By span id. A span whose parent is not there is a root. */
function depthsOf(spans: readonly SpanView[]): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  // Parents come before their children.
  for (const { spanId, parentSpanId } of spans) {
    const parent = parentSpanId === null ? undefined : depths.get(parentSpanId);
    depths.set(spanId, parent === undefined ? 0 : parent + 1);
  }
  return depths;
}

function bar({ offsetMs, durationMs }: SpanView, totalMs: number): string {
  const scale = totalMs <= 0 ? 0 : BAR_WIDTH / totalMs;
  const start = Math.min(BAR_WIDTH - 1, Math.max(0, Math.floor(offsetMs * scale)));
  const length = Math.min(BAR_WIDTH - start, Math.max(1, Math.round(durationMs * scale)));
  return `${"·".repeat(start)}${"█".repeat(length)}${"·".repeat(BAR_WIDTH - start - length)}`;
}

function resultCell({ isError, statusMessage, attributes }: SpanView, style: Style): Cell {
  const told = TOLD.flatMap((name) => {
    const value = attributes[name];
    return value === undefined || value === "" || value === "-"
      ? []
      : [`${lastPart(name)} ${value}`];
  });
  const text = [statusMessage, ...told].filter((part) => part !== "").join(", ");
  return isError ? { text: `■ ${text || "error"}`, paint: style.red } : text;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1).replaceAll("_", " ");
}

function hintsText({ hints }: TraceResponse, style: Style): string {
  if (hints.length === 0) return "";
  return `\n${hints.map((hint) => `${style.yellow("▲")} ${printable(hint)}\n`).join("")}`;
}

function logsText({ logs }: TraceResponse, style: Style): string {
  if (logs.length === 0) return "";
  return `\n${style.bold("Access log")}\n${logs.map((log) => logLine(log, style)).join("")}`;
}
