/** `tulle tap`: live requests, as sidecars see them. */
import type { TapEvent } from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { printable } from "../output/text-width.ts";
import { logLine } from "./log-text.ts";
import { REQUEST_FILTERS, requestFilter } from "./request-filters.ts";

export const command: Command = {
  name: "tap",
  summary: "Watch live requests, with filters",
  description:
    "Asks the sidecars of the matching services for requests as they end, until interrupted. It is bounded by --max-rps, and costs sidecars nothing while nobody taps. Headers are shown by name; credentials among them are redacted. -o json writes a request on each line.",
  examples: [
    { line: "tulle tap payment", summary: "Requests from and to one service" },
    { line: "tulle tap --to catalog --status 5xx", summary: "Failures on their way to catalog" },
    {
      line: "tulle tap cart --header x-user --response-header retry-after",
      summary: "With a header of requests, and one of their answers",
    },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "Only requests from or to this service",
      completion: { kind: "names", of: { kind: "Service" } },
    },
  ],
  options: [
    ...REQUEST_FILTERS,
    { name: "header", value: "NAME", isMultiple: true, summary: "Show this header of requests" },
    {
      name: "response-header",
      value: "NAME",
      isMultiple: true,
      summary: "Show this header of answers",
    },
    { name: "max-rps", value: "COUNT", default: "100", summary: "At most so many a second" },
    { name: "count", value: "COUNT", summary: "End after so many" },
  ],
  formats: ["table", "json"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const shown = (option: string): string | undefined =>
    input.strings(option).join(",") || undefined;
  const most = input.isSet("count")
    ? input.integer("count", { min: 1, max: 1_000_000 })
    : Number.POSITIVE_INFINITY;
  const query = {
    ...requestFilter(context, input),
    show: shown("header"),
    showResponse: shown("response-header"),
    maxPerSecond: String(input.integer("max-rps", { min: 1, max: 1000 })),
  };
  let count = 0;
  for await (const event of telemetry.tap(query, context.signal)) {
    write(context, event);
    count += 1;
    if (count >= most) break;
  }
  return EXIT_OK;
}

function write({ stdout, globals }: CliContext, event: TapEvent): void {
  if (globals.output === "json") {
    stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  stdout.write(logLine(event, stdout.style));
  for (const [mark, headers] of [
    [">", event.requestHeaders],
    ["<", event.responseHeaders],
  ] as const) {
    for (const [name, value] of headers) {
      stdout.write(`  ${stdout.style.dim(`${mark} ${printable(name)}: ${printable(value)}`)}\n`);
    }
  }
}
