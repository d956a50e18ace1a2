/** `tulle edges`: who calls whom, and whether the caller is proven. */
import type { EdgeTraffic } from "../../control-plane/telemetry-types.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import type { Style } from "../output/style.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { hasNamespaces, latencyText, rateText, serviceText, successCell } from "./figures.ts";
import { WATCH_OPTION } from "./repeat.ts";
import { runServiceView, serviceArgument } from "./service-view.ts";
import { WINDOW_OPTIONS } from "./window-options.ts";

export const command: Command = {
  name: "edges",
  summary: "Show who calls whom, how well, and whether the caller is proven",
  description:
    "SECURED: yes (mutual TLS, the caller is who its certificate says), no (plain text), mixed, or ? where nobody on the called side tells. -o wide adds the identities of both.",
  examples: [
    { line: "tulle edges", summary: "Every edge of the mesh" },
    { line: "tulle edges checkout", summary: "What calls checkout, and what it calls" },
  ],
  arguments: [serviceArgument("Only edges from or to this service")],
  options: [...WINDOW_OPTIONS, WATCH_OPTION],
  formats: ["table", "wide", "json", "yaml"],
  run: runServiceView({
    read: (telemetry, query) => telemetry.edges(query),
    table: (context, data, isWide) => edgesText(context, data.edges, isWide),
  }),
};

const COLUMNS: readonly Column[] = [
  { title: "SOURCE", isKept: true },
  { title: "DESTINATION", isKept: true },
  { title: "PROTOCOL" },
  { title: "SECURED", isKept: true },
  { title: "RPS", align: "right" },
  { title: "SUCCESS", align: "right" },
  { title: "P50", align: "right" },
  { title: "P99", align: "right" },
  { title: "SOURCE IDENTITY", isWide: true },
  { title: "DESTINATION IDENTITY", isWide: true },
];

function edgesText(context: CliContext, edges: readonly EdgeTraffic[], isWide: boolean): string {
  const { style, columns: width } = context.stdout;
  if (edges.length === 0) return "nobody called anybody in that time\n";
  const hasNamespace = hasNamespaces(
    edges.flatMap(({ source, destination }) => [source, destination]),
  );
  const rows = edges.map((edge): readonly Cell[] => [
    serviceText(edge.source, hasNamespace),
    serviceText(edge.destination, hasNamespace),
    edge.protocol,
    securityCell(edge.security, style),
    rateText(edge.traffic.requestsPerSecond),
    successCell(edge.traffic, style),
    latencyText(edge.traffic.latency.p50),
    latencyText(edge.traffic.latency.p99),
    edge.sourcePrincipal ?? "-",
    edge.destinationPrincipal ?? "-",
  ]);
  return renderTable({ columns: COLUMNS, rows, style, width, isWide });
}

function securityCell(security: EdgeTraffic["security"], style: Style): Cell {
  switch (security) {
    case "mutual_tls":
      return { text: "yes", paint: style.green };
    case "none":
      return { text: "no", paint: style.red };
    case "mixed":
      return { text: "mixed", paint: style.yellow };
    case "unknown":
      return "?";
  }
}
