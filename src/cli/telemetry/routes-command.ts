/** `tulle routes`: which routes requests took, and how they were divided. */
import type { RouteTraffic } from "../../control-plane/telemetry-types.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import {
  hasNamespaces,
  latencyText,
  rateText,
  serviceText,
  shareText,
  successCell,
} from "./figures.ts";
import { WATCH_OPTION } from "./repeat.ts";
import { runServiceView, serviceArgument } from "./service-view.ts";
import { WINDOW_OPTIONS } from "./window-options.ts";

export const command: Command = {
  name: "routes",
  summary: "Show the routes of services with the requests that took each",
  description:
    "In the order in which they are tried. WANTED is the share that the route gives a backend, SEEN the share that it got. A route that no request took has a dash.",
  examples: [
    { line: "tulle routes catalog", summary: "The routes of one service" },
    { line: "tulle routes --since 1h", summary: "Of all services" },
  ],
  arguments: [serviceArgument("Only routes of this service")],
  options: [...WINDOW_OPTIONS, WATCH_OPTION],
  formats: ["table", "wide", "json", "yaml", "name"],
  run: runServiceView({
    read: (telemetry, query) => telemetry.routes(query),
    names: (data) => data.routes.map(({ name }) => name),
    table: (context, data, isWide) => routesText(context, data.routes, isWide),
  }),
};

const COLUMNS: readonly Column[] = [
  { title: "SERVICE", isKept: true },
  { title: "ROUTE" },
  { title: "MATCHES" },
  { title: "BACKEND", isKept: true },
  { title: "WANTED", align: "right" },
  { title: "SEEN", align: "right" },
  { title: "RPS", align: "right" },
  { title: "SUCCESS", align: "right" },
  { title: "P50", align: "right", isWide: true },
  { title: "P99", align: "right" },
];

/** A line for each backend; what the one above says already is left out. */
function routesText(context: CliContext, routes: readonly RouteTraffic[], isWide: boolean): string {
  const { style, columns: width } = context.stdout;
  if (routes.length === 0) return "no routes\n";
  const hasNamespace = hasNamespaces(routes.map(({ service }) => service));
  const rows = routes.flatMap((route) => {
    const head = [
      serviceText(route.service, hasNamespace),
      route.route,
      route.matches.join(" or ") || "everything",
    ];
    return route.backends.map(({ backend, configuredShare, observedShare, traffic }, index) => {
      const row: readonly Cell[] = [
        ...(index === 0 ? head : ["", "", ""]),
        backend,
        shareText(configuredShare),
        shareText(observedShare),
        traffic.requests === 0 ? "-" : rateText(traffic.requestsPerSecond),
        successCell(traffic, style),
        latencyText(traffic.latency.p50),
        latencyText(traffic.latency.p99),
      ];
      return row;
    });
  });
  return renderTable({ columns: COLUMNS, rows, style, width, isWide });
}
