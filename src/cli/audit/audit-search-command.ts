/** `tulle audit search`: records of the audit log by what they say. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { AUDIT_FILTERS, filterOf, instantOf } from "./audit-options.ts";
import { recordText } from "./record-text.ts";

export const command: Command = {
  name: "audit search",
  summary: "Find records of the audit log: who did what, when, to which object",
  description:
    "The newest records that match everything that is asked for, the oldest of them first. Exit code 1 when there is none.",
  examples: [
    {
      line: "tulle audit search --object HTTPRoute/default/catalog --since 24h",
      summary: "Who changed a route since yesterday",
    },
    { line: "tulle audit search --kind security-event", summary: "What looked suspicious" },
    { line: "tulle audit search --actor 'token ci' -o json", summary: "All that a token did" },
  ],
  arguments: [{ name: "TEXT", summary: "A part of the record, in any case" }],
  options: [
    ...AUDIT_FILTERS,
    { name: "since", value: "TIME", summary: "Not before: 1h (ago), or 2026-11-26T08:00:00Z" },
    { name: "until", value: "TIME", summary: "Not after, in the same forms" },
    { name: "limit", value: "COUNT", default: "100", summary: "How many at most, up to 1000" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const limit = input.integer("limit", { min: 1, max: 1000 });
  const query = {
    ...filterOf(input),
    text: input.optionalArgument("TEXT"),
    since: instantOf(context, input, "since"),
    until: instantOf(context, input, "until"),
    limit: String(limit),
  };
  const client = await context.adminClient();
  const { records } = await client.audit(query);
  const { style } = context.stdout;
  await writeResult(context, {
    data: records,
    table: () => records.map((record) => recordText(record, style)).join(""),
  });
  return records.length === 0 ? EXIT_FINDINGS : EXIT_OK;
}
