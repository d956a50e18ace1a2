/** `tulle audit verify`: whether the audit log is as it was written. */
import { resolve } from "node:path";
import {
  type AuditVerification,
  parseNotedHead,
  verifyAudit,
} from "../../telemetry/audit/verify-audit.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "audit verify",
  summary: "Check that the audit log is as it was written",
  description: `Reads every record: its own hash, the hash of the one before, the numbers without gaps. The first record that is not as it was written is named, with its file and line; the exit code is then 1.

Records cut off at the end leave no trace in the log itself. Note the head (number and hash) elsewhere from time to time, or export the records, and pass it with --head later: a log that was cut short or written anew does not have it. --folder reads files without a control plane: those of a copy, or of one that you do not trust.`,
  examples: [
    { line: "tulle audit verify", summary: "By the control plane" },
    {
      line: "tulle audit verify --folder ~/.tulle/default/audit",
      summary: "By this program, from the files",
    },
  ],
  options: [
    {
      name: "folder",
      value: "FOLDER",
      summary: "The log's files, read here",
      completion: { kind: "files" },
    },
    {
      name: "head",
      value: "SEQ:HASH",
      summary: "A head that was noted before: this record must be there as it was",
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const folder = input.optionalString("folder");
  const head = input.optionalString("head");
  const noted = head === undefined ? undefined : parseNotedHead(head);
  if (head !== undefined && noted === undefined) {
    throw usageError(
      `--head: "${head}" is no number and hash`,
      "write it as an earlier `tulle audit verify` gave it, for example 4812:5f0c1a2b",
    );
  }
  const found =
    folder === undefined
      ? await (await context.adminClient()).verifyAudit(head)
      : await verifyAudit(resolve(context.cwd, folder), noted);
  if (folder !== undefined && found.segments === 0) {
    throw usageError(`--folder: there is no audit log in ${folder}`, "it has files audit-*.jsonl");
  }
  await writeResult(context, { data: found, table: () => textOf(found) });
  return found.ok ? EXIT_OK : EXIT_FINDINGS;
}

function textOf({ ok, broken, records, segments, head, removedBefore, torn }: AuditVerification) {
  const files = segments === 1 ? "1 file" : `${segments} files`;
  const lines = [
    ok
      ? `${records} records in ${files} are as they were written`
      : `broken: ${broken?.file} line ${broken?.line}${broken?.seq === undefined ? "" : ` (record ${broken.seq})`}: ${broken?.reason}`,
    ...(ok ? [] : [`${records} records before it are as they were written`]),
    ...(removedBefore === undefined
      ? []
      : [`it begins with record ${removedBefore}: the log removed older ones, and says so`]),
    ...torn.map(
      ({ time, bytes }) => `a crash before ${time} tore a record; its ${bytes} bytes are kept`,
    ),
    `head: ${head.seq}:${head.hash}`,
  ];
  return `${lines.join("\n")}\n`;
}
