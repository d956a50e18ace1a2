/** `tulle logs`: access logs of the whole mesh, and those that come. */
import type { AccessLogView } from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { logLine } from "./log-text.ts";
import { REQUEST_FILTERS, requestFilter } from "./request-filters.ts";
import { WINDOW_OPTIONS, windowQuery } from "./window-options.ts";

export const command: Command = {
  name: "logs",
  summary: "Show requests from the access logs of the whole mesh, and follow them",
  description:
    "The oldest first. Sidecars tell the control plane of every failed request and of a sample of the others; a TelemetryPolicy asks for all of them. With --follow it goes on until interrupted; then -o json writes a request on each line.",
  examples: [
    { line: "tulle logs payment --status 5xx", summary: "Failures of one service" },
    { line: "tulle logs --trace 4bf92f3577b34da6a3ce929d0e0e4736", summary: "Of one trace" },
    { line: "tulle logs --follow --flag UF", summary: "Connection failures as they come" },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "Only requests from or to this service",
      completion: { kind: "names", of: { kind: "Service" } },
    },
  ],
  options: [
    ...WINDOW_OPTIONS,
    ...REQUEST_FILTERS,
    { name: "trace", value: "ID", summary: "Only of this trace" },
    { name: "request-id", value: "ID", summary: "Only with this x-request-id" },
    {
      name: "text",
      value: "TEXT",
      summary: "Only with this in path, details or what was captured",
    },
    { name: "lines", value: "COUNT", default: "50", summary: "How many" },
    { name: "follow", short: "f", summary: "Go on with what comes" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const filter = {
    ...requestFilter(context, input),
    traceId: input.optionalString("trace"),
    requestId: input.optionalString("request-id"),
    text: input.optionalString("text"),
  };
  const limit = String(input.integer("lines", { min: 1, max: 1000 }));
  const data = await telemetry.logs({ ...windowQuery(context, input), ...filter, limit });
  const logs = data.logs.toReversed();
  if (!input.isSet("follow")) {
    const table = () => logs.map((log) => logLine(log, context.stdout.style)).join("");
    await writeResult(context, { data, table });
    return EXIT_OK;
  }
  for (const log of logs) write(context, log);
  const { namespace } = windowQuery(context, input);
  for await (const log of telemetry.followLogs({ namespace, ...filter }, context.signal)) {
    write(context, log);
  }
  return EXIT_OK;
}

function write({ stdout, globals }: CliContext, log: AccessLogView): void {
  const isTable = globals.output === "table";
  stdout.write(isTable ? logLine(log, stdout.style) : `${JSON.stringify(log)}\n`);
}
