/** `tulle top`: live requests, summed by caller, service, method and path. */
import type { TapEvent } from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { latencyText, shareText } from "./figures.ts";
import { pause } from "./repeat.ts";
import { REQUEST_FILTERS, requestFilter } from "./request-filters.ts";
import { TopTable } from "./top-table.ts";

/** How often the view is drawn. */
const DRAW_MS = 1000;
const CLEAR = "\u001b[H\u001b[2J";
const ROWS_SHOWN = 40;

export const command: Command = {
  name: "top",
  summary: "Watch which requests are made most, and how they fare",
  description:
    "Taps the matching sidecars and sums what comes by caller, service, method and path. On a terminal the view is drawn every second until interrupted; otherwise the sum of --for is written once. It is a sample: at most --max-rps requests a second are counted.",
  examples: [
    { line: "tulle top", summary: "The whole mesh" },
    { line: "tulle top checkout --for 10s -o json", summary: "Ten seconds of one service" },
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
    { name: "for", value: "DURATION", summary: "End then; default 10s where it is no terminal" },
    { name: "max-rps", value: "COUNT", default: "500", summary: "At most so many a second" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

const DEFAULT_FOR_MS = 10_000;

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const { stdout, globals } = context;
  const isView = stdout.isTTY && globals.output === "table" && context.env["TERM"] !== "dumb";
  const forMs = input.isSet("for") ? input.durationMs("for") : isView ? Infinity : DEFAULT_FOR_MS;
  const query = {
    ...requestFilter(context, input),
    maxPerSecond: String(input.integer("max-rps", { min: 1, max: 1000 })),
  };
  const table = new TopTable();
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const reading = read(telemetry.tap(query, signal), table);
  const endMs = context.clock.monotonicMs() + forMs;
  try {
    while (!context.signal.aborted && context.clock.monotonicMs() < endMs) {
      const leftMs = endMs - context.clock.monotonicMs();
      // A stream that ends early has failed: nobody waits for the clock then.
      await Promise.race([reading, pause(context, Math.min(DRAW_MS, leftMs))]);
      if (isView) stdout.write(`${CLEAR}${topText(context, table)}`);
    }
  } finally {
    over.abort();
  }
  await reading;
  if (!isView) {
    await writeResult(context, {
      data: { rows: table.rows() },
      table: () => topText(context, table),
    });
  }
  return EXIT_OK;
}

async function read(events: AsyncIterable<TapEvent>, table: TopTable): Promise<void> {
  for await (const event of events) table.add(event);
}

const COLUMNS: readonly Column[] = [
  { title: "SOURCE", isKept: true },
  { title: "DESTINATION", isKept: true },
  { title: "METHOD", isKept: true },
  { title: "PATH" },
  { title: "COUNT", align: "right", isKept: true },
  { title: "BEST", align: "right" },
  { title: "WORST", align: "right" },
  { title: "LAST", align: "right" },
  { title: "SUCCESS", align: "right" },
];

function topText(context: CliContext, table: TopTable): string {
  const { style, columns: width } = context.stdout;
  const rows = table
    .rows()
    .slice(0, ROWS_SHOWN)
    .map((row): readonly Cell[] => [
      row.source,
      row.destination,
      row.method,
      row.path,
      String(row.count),
      latencyText(row.bestMs),
      latencyText(row.worstMs),
      latencyText(row.lastMs),
      row.failures > 0
        ? { text: shareText(1 - row.failures / row.count), paint: style.red }
        : "100%",
    ]);
  return rows.length === 0
    ? "no requests yet\n"
    : renderTable({ columns: COLUMNS, rows, style, width });
}
