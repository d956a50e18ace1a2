/** `tulle stat`: the golden figures of every service. */
import type {
  InstanceTraffic,
  ServiceTraffic,
  TrafficFigures,
} from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import type { Style } from "../output/style.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import {
  bytesText,
  coresText,
  hasNamespaces,
  healthCell,
  latencyText,
  rateText,
  serviceText,
  successCell,
} from "./figures.ts";
import { repeat, WATCH_OPTION } from "./repeat.ts";
import { serviceOf, WINDOW_OPTIONS, windowQuery } from "./window-options.ts";

export const command: Command = {
  name: "stat",
  summary: "Show requests, success rate and latency of each service",
  description: `What services' own sidecars measured, or callers' sidecars where a service has none. SUCCESS counts HTTP 5xx, requests without an answer and every status of gRPC but OK as failures. Percentiles are estimated from histograms. -o wide adds bytes, processor and memory.

With a service it shows each of its instances.`,
  examples: [
    { line: "tulle stat", summary: "Every service, the last 15 minutes" },
    { line: "tulle stat payment --since 5m", summary: "The instances of one service" },
    { line: "tulle stat -o json", summary: "For a program" },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "One service: NAME or NAMESPACE/NAME",
      completion: { kind: "names", of: { kind: "Service" } },
    },
  ],
  options: [...WINDOW_OPTIONS, WATCH_OPTION],
  formats: ["table", "wide", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const text = input.optionalArgument("SERVICE");
  await repeat(context, input, async () => {
    const query = windowQuery(context, input);
    if (text === undefined) {
      const data = await telemetry.services(query);
      await writeResult(context, {
        data,
        names: data.services.map(({ service }) => `service/${service.name}`),
        table: (isWide) => servicesText(context, data.services, isWide),
      });
      return;
    }
    const { namespace, name } = serviceOf(context, text);
    const data = await telemetry.service(namespace, name, query);
    await writeResult(context, {
      data,
      names: data.instances.map((instance) => `proxy/${instance.name}`),
      table: (isWide) => instancesText(context, data.service, data.instances, isWide),
    });
  });
  return EXIT_OK;
}

const TRAFFIC_COLUMNS: readonly Column[] = [
  { title: "RPS", align: "right", isKept: true },
  { title: "SUCCESS", align: "right", isKept: true },
  { title: "P50", align: "right" },
  { title: "P90", align: "right" },
  { title: "P99", align: "right" },
  { title: "MEAN", align: "right", isWide: true },
  { title: "TCP OPENED", align: "right", isWide: true },
  { title: "TCP SENT/S", align: "right", isWide: true },
  { title: "TCP RECEIVED/S", align: "right", isWide: true },
];

const RESOURCE_COLUMNS: readonly Column[] = [
  { title: "APP CPU", align: "right", isWide: true },
  { title: "APP MEMORY", align: "right", isWide: true },
  { title: "SIDECAR CPU", align: "right", isWide: true },
  { title: "SIDECAR MEMORY", align: "right", isWide: true },
];

function trafficCells(traffic: TrafficFigures, style: Style): readonly Cell[] {
  const { latency, tcp } = traffic;
  return [
    rateText(traffic.requestsPerSecond),
    successCell(traffic, style),
    latencyText(latency.p50),
    latencyText(latency.p90),
    latencyText(latency.p99),
    latencyText(latency.mean),
    String(tcp.opened),
    bytesText(tcp.sentBytesPerSecond),
    bytesText(tcp.receivedBytesPerSecond),
  ];
}

function resourceCells({ resources }: Pick<ServiceTraffic, "resources">): readonly Cell[] {
  return [
    coresText(resources.appCpuCores),
    bytesText(resources.appMemoryBytes),
    coresText(resources.sidecarCpuCores),
    bytesText(resources.sidecarMemoryBytes),
  ];
}

function servicesText(
  context: CliContext,
  services: readonly ServiceTraffic[],
  isWide: boolean,
): string {
  const { style, columns: width } = context.stdout;
  if (services.length === 0) return "no services; `tulle get services` lists those of the mesh\n";
  const hasNamespace = hasNamespaces(services.map(({ service }) => service));
  const columns: readonly Column[] = [
    { title: "SERVICE", isKept: true },
    { title: "HEALTH", isKept: true },
    { title: "INSTANCES", align: "right" },
    ...TRAFFIC_COLUMNS,
    ...RESOURCE_COLUMNS,
  ];
  const rows = services.map((entry): readonly Cell[] => [
    serviceText(entry.service, hasNamespace),
    healthCell(entry.health, style),
    `${entry.instances.healthy}/${entry.instances.total}`,
    ...trafficCells(entry.inbound, style),
    ...resourceCells(entry),
  ]);
  return renderTable({ columns, rows, style, width, isWide });
}

function instancesText(
  context: CliContext,
  service: ServiceTraffic,
  instances: readonly InstanceTraffic[],
  isWide: boolean,
): string {
  const { style, columns: width } = context.stdout;
  if (instances.length === 0) return `${service.service.name} has no instances\n`;
  const columns: readonly Column[] = [
    { title: "INSTANCE", isKept: true },
    { title: "VERSION" },
    { title: "HEALTH", isKept: true },
    { title: "ZONE", isWide: true },
    ...TRAFFIC_COLUMNS,
    ...RESOURCE_COLUMNS,
  ];
  const rows = instances.map((entry): readonly Cell[] => [
    entry.name,
    entry.version || "-",
    entry.isEjected ? { text: "ejected", paint: style.red } : entry.health,
    entry.zone || "-",
    ...trafficCells(entry.traffic, style),
    ...resourceCells(entry),
  ]);
  const why = service.healthReason === null ? "" : `\n${style.yellow(service.healthReason)}\n`;
  return renderTable({ columns, rows, style, width, isWide }) + why;
}
