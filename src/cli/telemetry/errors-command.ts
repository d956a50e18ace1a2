/** `tulle errors`: what failed, how often, and what it means. */
import type { ErrorGroup } from "../../control-plane/telemetry-types.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { formatAge } from "../output/age.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";
import { hasNamespaces, serviceText } from "./figures.ts";
import { WATCH_OPTION } from "./repeat.ts";
import { runServiceView, serviceArgument } from "./service-view.ts";
import { WINDOW_OPTIONS } from "./window-options.ts";

export const command: Command = {
  name: "errors",
  summary: "Show failed requests by service, status and flag, with what they mean",
  description:
    "The most frequent first. FLAG is the response flag of the access log; below the table stands what each that occurred means. TRACE is one of the traces that have it: `tulle trace ID` shows where it failed.",
  examples: [
    { line: "tulle errors", summary: "All failures of the last 15 minutes" },
    { line: "tulle errors payment --since 1h", summary: "Failures of requests to one service" },
  ],
  arguments: [serviceArgument("Only requests to this service")],
  options: [...WINDOW_OPTIONS, WATCH_OPTION],
  formats: ["table", "wide", "json", "yaml"],
  run: runServiceView({
    read: (telemetry, query) => telemetry.errors(query),
    table: (context, data, isWide) => errorsText(context, data.groups, isWide),
  }),
};

const COLUMNS: readonly Column[] = [
  { title: "COUNT", align: "right", isKept: true },
  { title: "SERVICE", isKept: true },
  { title: "FROM" },
  { title: "STATUS", align: "right", isKept: true },
  { title: "FLAG", isKept: true },
  { title: "FIRST", align: "right" },
  { title: "LAST", align: "right" },
  { title: "TRACE" },
];

function errorsText(context: CliContext, groups: readonly ErrorGroup[], isWide: boolean): string {
  const { style, columns: width } = context.stdout;
  if (groups.length === 0) return "no failed requests in that time\n";
  const nowMs = context.clock.nowMs();
  const hasNamespace = hasNamespaces(groups.map(({ service }) => service));
  const rows = groups.map((group): readonly Cell[] => [
    String(group.count),
    serviceText(group.service, hasNamespace),
    group.source === null ? "-" : serviceText(group.source, hasNamespace),
    statusText(group),
    group.flag,
    `${formatAge(group.firstSeen, nowMs)} ago`,
    `${formatAge(group.lastSeen, nowMs)} ago`,
    group.traceIds[0] ?? "-",
  ]);
  const table = renderTable({ columns: COLUMNS, rows, style, width, isWide });
  return table + explanationsText(context, groups);
}

function statusText({ responseCode, grpcStatus }: ErrorGroup): string {
  if (grpcStatus !== null) return `gRPC ${grpcStatus}`;
  return responseCode === 0 ? "none" : String(responseCode);
}

function explanationsText(context: CliContext, groups: readonly ErrorGroup[]): string {
  const texts = new Map(groups.map(({ flag, explanation }) => [flag, explanation]));
  const lines = [...texts].flatMap(([flag, text]) =>
    text === null ? [] : [`  ${context.stdout.style.bold(flag)}  ${printable(text)}\n`],
  );
  return lines.length === 0 ? "" : `\n${lines.join("")}`;
}
