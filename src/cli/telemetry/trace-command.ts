/** `tulle trace`: recent traces, or one of them as a waterfall. */
import type { TraceSummary } from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { formatAge } from "../output/age.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { hasNamespaces, latencyText, serviceText } from "./figures.ts";
import { traceText } from "./trace-text.ts";
import { serviceQuery, WINDOW_OPTIONS, windowQuery } from "./window-options.ts";

export const command: Command = {
  name: "trace",
  summary: "Find traces, or show one hop by hop",
  description:
    "Without an id it lists traces, the newest first; with one it shows every span with its time, retries and failures, and what the mesh noticed, such as a service that does not pass trace context on.",
  examples: [
    { line: "tulle trace --errors", summary: "Traces with a failure" },
    { line: "tulle trace --service checkout --min-duration 500ms", summary: "Slow ones" },
    { line: "tulle trace 4bf92f3577b34da6a3ce929d0e0e4736", summary: "One, hop by hop" },
  ],
  arguments: [{ name: "ID", summary: "A trace: its 32 hexadecimal digits" }],
  options: [
    ...WINDOW_OPTIONS,
    { name: "service", value: "SERVICE", summary: "Only traces that this service is part of" },
    { name: "errors", summary: "Only traces with a failure" },
    { name: "min-duration", value: "DURATION", summary: "Only traces that took so long" },
    { name: "limit", value: "COUNT", default: "20", summary: "How many" },
  ],
  formats: ["table", "wide", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const id = input.optionalArgument("ID");
  if (id !== undefined) {
    const data = await telemetry.trace(id);
    await writeResult(context, {
      data,
      names: [data.traceId],
      table: () => traceText(data, context.stdout),
    });
    return EXIT_OK;
  }
  const limit = input.integer("limit", { min: 1, max: 1000 });
  const data = await telemetry.traces({
    ...windowQuery(context, input),
    ...serviceQuery(context, input.optionalString("service")),
    error: input.isSet("errors") ? "true" : undefined,
    minDurationMs: input.isSet("min-duration")
      ? String(input.durationMs("min-duration"))
      : undefined,
    limit: String(limit),
  });
  await writeResult(context, {
    data,
    names: data.traces.map(({ traceId }) => traceId),
    table: () => tracesText(context, data.traces),
  });
  return EXIT_OK;
}

const COLUMNS: readonly Column[] = [
  { title: "TRACE", isKept: true },
  { title: "AGE", align: "right" },
  { title: "SERVICE", isKept: true },
  { title: "REQUEST" },
  { title: "DURATION", align: "right", isKept: true },
  { title: "SPANS", align: "right" },
  { title: "SERVICES" },
  { title: "RESULT", isKept: true },
];

function tracesText(context: CliContext, traces: readonly TraceSummary[]): string {
  const { style, columns: width } = context.stdout;
  if (traces.length === 0) return "no traces in that time\n";
  const nowMs = context.clock.nowMs();
  const hasNamespace = hasNamespaces(traces.map(({ root }) => root.service));
  const rows = traces.map((trace): readonly Cell[] => [
    trace.traceId,
    formatAge(trace.startTime, nowMs),
    serviceText(trace.root.service, hasNamespace),
    trace.root.name,
    latencyText(trace.durationMs),
    String(trace.spans),
    trace.services.join(", "),
    trace.hasError ? { text: "■ error", paint: style.red } : "● ok",
  ]);
  return renderTable({ columns: COLUMNS, rows, style, width });
}
