/** `tulle apply`: sends documents, prints what they changed and what is doubtful about them. */

import type { DocumentViolation, InvalidDocuments } from "../../control-plane/api-error-types.ts";
import type { ApplyResponse, RevisionResponse } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { findingLines, hasErrors, keyText, violationLines } from "../findings.ts";
import { DEFAULT_NAMESPACE } from "../global-options.ts";
import { objectName } from "../kinds.ts";
import { renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { type DocumentFile, FILE_OPTIONS, readDocuments } from "../read-documents.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";

export const command: Command = {
  name: "apply",
  summary: "Create or change resources from files",
  description: `Reads YAML or JSON documents, checks all of them against their schemas, and writes them. A document that breaks its schema is refused with every violation, and then nothing is written.

Documents that name no namespace get that of --namespace.

What is valid but doubtful (a backend that does not exist, two routes in conflict) is written and reported as a finding. It never takes traffic down.

Exit code 1: documents were refused, a finding is an error, or a proxy refused the change.`,
  examples: [
    { line: "tulle apply -f catalog.yaml", summary: "Apply one file" },
    {
      line: "tulle apply -f mesh/ -R --dry-run",
      summary: "Judge a folder and all below it, write nothing",
    },
    {
      line: "cat route.yaml | tulle apply -f - --wait",
      summary: "Apply standard input and wait until every proxy has it",
    },
  ],
  arguments: [
    {
      name: "PATH",
      summary: "The same as -f PATH",
      isVariadic: true,
      completion: { kind: "files" },
    },
  ],
  options: [
    ...FILE_OPTIONS,
    { name: "dry-run", summary: "Judge and report everything, write nothing" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const isDryRun = input.isSet("dry-run");
  if (isDryRun && input.isSet("wait")) {
    throw usageError(
      "--dry-run writes nothing, so there is nothing to --wait for",
      "leave out one",
    );
  }
  const paths = [...input.strings("filename"), ...input.variadic("PATH")];
  if (paths.length === 0) {
    throw usageError(
      "nothing to apply",
      "name files with -f FILE, -f FOLDER or -f - (standard input)",
    );
  }
  const files = await inNamespace(context, await readDocuments(context, input, paths));
  const client = await context.adminClient();
  const response = await applyFiles(context, client, files, isDryRun);
  if (response === undefined) return EXIT_FINDINGS;
  await writeApplied(context, response);
  if (input.isSet("wait")) {
    const { revision } = response;
    const reached = await waitForRevision(context, { client, revision, timeoutMs });
    if (!context.globals.isQuiet) context.stderr.write(reachedText(reached));
  }
  return hasErrors(response.findings) ? EXIT_FINDINGS : EXIT_OK;
}

function reachedText({ revision, acknowledged }: RevisionResponse): string {
  const count = acknowledged.length;
  if (count === 0) return `no connected proxy is affected by revision ${revision}\n`;
  return `revision ${revision} runs on ${count} ${count === 1 ? "proxy" : "proxies"}\n`;
}

/** Documents that name no namespace get that of `-n` or TULLE_NAMESPACE. */
async function inNamespace(
  context: CliContext,
  files: readonly DocumentFile[],
): Promise<readonly AppliedFile[]> {
  const { namespace, isNamespaceGiven } = context.globals;
  if (namespace === DEFAULT_NAMESPACE && !isNamespaceGiven) return files;
  const { withNamespace } = await import("../namespace-documents.ts");
  return files.map((file) => withNamespace(file, { namespace, isStrict: isNamespaceGiven }));
}

/** A file whose text may have more lines than the user's. */
export interface AppliedFile extends DocumentFile {
  readonly lineOf?: (line: number) => number;
}

/** Undefined when documents broke their schema; every violation is then on standard error. */
export async function applyFiles(
  context: CliContext,
  client: AdminClient,
  files: readonly AppliedFile[],
  isDryRun: boolean,
): Promise<ApplyResponse | undefined> {
  try {
    const sent = files.map(({ name, text }) => ({ name, text }));
    return await client.apply({ files: sent, dryRun: isDryRun });
  } catch (error) {
    if (!(error instanceof AdminApiError) || error.apiCode !== "invalid") throw error;
    const { violations } = error.details as InvalidDocuments;
    const { style } = context.stderr;
    context.stderr.write(
      violationLines(
        violations.map((one) => withUsersLine(one, files)),
        style,
      ),
    );
    const count = `${violations.length} ${violations.length === 1 ? "violation" : "violations"}`;
    context.stderr.write(`${style.red("error:")} ${count}; nothing was written\n`);
    return undefined;
  }
}

function withUsersLine(
  violation: DocumentViolation,
  files: readonly AppliedFile[],
): DocumentViolation {
  const lineOf = files.find((file) => file.name === violation.file)?.lineOf;
  if (lineOf === undefined || violation.line === undefined) return violation;
  return { ...violation, line: lineOf(violation.line) };
}

async function writeApplied(context: CliContext, response: ApplyResponse): Promise<void> {
  const suffix = response.dryRun ? " (dry run)" : "";
  await writeResult(context, {
    data: response,
    names: response.objects.map((object) => objectName(object.kind, object.name)),
    table: () =>
      renderTable({
        columns: [{ title: "OBJECT", isKept: true }, { title: "ACTION" }],
        rows: response.objects.map((object) => [keyText(object), object.action + suffix]),
        style: context.stdout.style,
        width: context.stdout.columns,
        hasNoTitles: true,
      }),
  });
  context.stderr.write(findingLines(response.findings, context.stderr.style));
}
