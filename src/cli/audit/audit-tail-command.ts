/** `tulle audit tail`: the newest records of the audit log, and those that come. */
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { AdminClient } from "../admin-client.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { AUDIT_FILTERS, filterOf } from "./audit-options.ts";
import { recordText } from "./record-text.ts";

/** How often it asks for more. */
const FOLLOW_MS = 1000;

export const command: Command = {
  name: "audit tail",
  summary: "Show the newest records of the audit log, and follow it",
  description:
    "Who did what to which object, who was not let in, which certificates were issued and what sidecars denied, the oldest first. With --follow it goes on until interrupted; then -o json writes a record on each line.",
  examples: [
    { line: "tulle audit tail", summary: "The last 20 records" },
    { line: "tulle audit tail --follow --kind policy-denied", summary: "Denials as they come" },
  ],
  options: [
    ...AUDIT_FILTERS,
    { name: "lines", value: "COUNT", default: "20", summary: "How many" },
    { name: "follow", short: "f", summary: "Go on with what comes" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const limit = input.integer("lines", { min: 1, max: 1000 });
  const client = await context.adminClient();
  const filter = filterOf(input);
  const { records, head } = await client.audit({ ...filter, limit: String(limit) });
  const { style } = context.stdout;
  const table = () => records.map((record) => recordText(record, style)).join("");
  if (!input.isSet("follow")) {
    await writeResult(context, { data: records, table });
    return EXIT_OK;
  }
  for (const record of records) write(context, record);
  await follow(context, client, { filter, afterSeq: records.at(-1)?.seq ?? head.seq });
  return EXIT_OK;
}

async function follow(
  context: CliContext,
  client: AdminClient,
  from: {
    readonly filter: Readonly<Record<string, string | undefined>>;
    readonly afterSeq: number;
  },
): Promise<void> {
  let { afterSeq } = from;
  while (!context.signal.aborted) {
    const { records } = await client.audit({ ...from.filter, afterSeq: String(afterSeq) });
    for (const record of records) write(context, record);
    afterSeq = records.at(-1)?.seq ?? afterSeq;
    if (records.length === 0) await pause(context);
  }
}

function write({ stdout, globals }: CliContext, record: AuditRecord): void {
  stdout.write(
    globals.output === "table" ? recordText(record, stdout.style) : `${JSON.stringify(record)}\n`,
  );
}

function pause({ clock, signal }: CliContext): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(FOLLOW_MS, resolve);
    signal.addEventListener(
      "abort",
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
}
