/** `tulle delete`: by kind and name, or what the documents of files name. */
import type { DeleteResponse } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { namespaceFor, notFound } from "../fetch-objects.ts";
import { keyText } from "../findings.ts";
import { textAt } from "../json-view.ts";
import { findKind, KINDS, type KindNames, objectName, parseSelection } from "../kinds.ts";
import { suggestion } from "../nearest.ts";
import { writeResult } from "../output/write-result.ts";
import { type DocumentFile, FILE_OPTIONS, readDocuments } from "../read-documents.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";

export const command: Command = {
  name: "delete",
  summary: "Delete resources by name or by file",
  description:
    "Give KIND and names, or the files that the objects were applied from. One object after the other is deleted; the first that does not exist ends it, unless --ignore-not-found is given.",
  examples: [
    { line: "tulle delete httproute catalog", summary: "Delete one route" },
    {
      line: "tulle delete -f mesh/ --ignore-not-found",
      summary: "Delete all that a folder's files name",
    },
    {
      line: "tulle delete svc catalog-v2 --wait",
      summary: "Delete and wait until no proxy uses it",
    },
  ],
  arguments: [
    { name: "KIND", summary: "The kind, or KIND/NAME", completion: { kind: "kinds" } },
    {
      name: "NAME",
      summary: "Names of objects",
      isVariadic: true,
      completion: { kind: "names", of: { argument: "KIND" } },
    },
  ],
  options: [
    ...FILE_OPTIONS,
    { name: "ignore-not-found", summary: "Objects that do not exist are no failure" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "json", "yaml", "name"],
  run,
};

interface Target {
  readonly kind: KindNames;
  readonly namespace: string;
  readonly name: string;
}

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const targets = await readTargets(context, input);
  const client = await context.adminClient();
  const deleted: DeleteResponse[] = [];
  try {
    for (const target of targets) {
      const response = await deleteOne(client, target, input.isSet("ignore-not-found"));
      if (response !== undefined) deleted.push(response);
    }
  } finally {
    // What was deleted before a failure is reported too.
    await writeDeleted(context, deleted);
  }
  const revision = Math.max(0, ...deleted.map((response) => response.revision));
  if (input.isSet("wait") && revision > 0) {
    await waitForRevision(context, { client, revision, timeoutMs });
  }
  return EXIT_OK;
}

async function readTargets(context: CliContext, input: CommandInput): Promise<readonly Target[]> {
  const kindWord = input.optionalArgument("KIND");
  const paths = input.strings("filename");
  if (kindWord !== undefined && paths.length > 0) {
    throw usageError("KIND and --filename exclude each other", "leave out one");
  }
  if (paths.length > 0) {
    const files = await readDocuments(context, input, paths);
    // In reverse: what was applied last is what refers to the others.
    return (await Promise.all(files.map((file) => targetsOf(context, file)))).flat().reverse();
  }
  if (kindWord === undefined) {
    throw usageError("nothing to delete", "name it: tulle delete KIND NAME, or -f FILE");
  }
  const { kind, names } = parseSelection(kindWord, input.variadic("NAME"));
  if (names.length === 0) {
    throw usageError(
      `which ${kind.kind}? A name is missing`,
      `\`tulle get ${kind.plural}\` lists them`,
    );
  }
  return names.map((name) => ({ kind, namespace: namespaceFor(context, kind), name }));
}

/** The objects that a file's documents name; nothing else of them is looked at. */
async function targetsOf(context: CliContext, file: DocumentFile): Promise<readonly Target[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = [...parseAllDocuments(file.text)].map((document, index) => {
    const problem = document.errors[0];
    if (problem !== undefined) {
      throw failedError(`${file.name}, document ${index + 1}: ${problem.message}`);
    }
    return { index, value: document.toJS() as unknown };
  });
  return documents
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ index, value }) => {
      const where = `${file.name}, document ${index + 1}`;
      const kindWord = textAt(value, "kind");
      const kind = findKind(kindWord);
      if (kind === undefined) throw failedError(`${where}: kind: ${unknownKindText(kindWord)}`);
      const name = textAt(value, "metadata", "name");
      if (name === "") throw failedError(`${where}: metadata.name is missing`);
      const namespace = textAt(value, "metadata", "namespace") || context.globals.namespace;
      return { kind, namespace: kind.isNamespaced ? namespace : "", name };
    });
}

function unknownKindText(word: string): string {
  return word === ""
    ? "is missing"
    : `"${word}" is unknown${suggestion(
        word,
        KINDS.map((names) => names.kind),
      )}`;
}

async function deleteOne(
  client: AdminClient,
  target: Target,
  isMissingFine: boolean,
): Promise<DeleteResponse | undefined> {
  try {
    return await client.delete(target.kind.kind, target);
  } catch (error) {
    if (!(error instanceof AdminApiError) || error.status !== 404) throw error;
    if (isMissingFine) return undefined;
    throw await notFound(client, target.kind, target);
  }
}

async function writeDeleted(
  context: CliContext,
  deleted: readonly DeleteResponse[],
): Promise<void> {
  await writeResult(context, {
    data: {
      deleted: deleted.map((response) => ({ ...response.object, revision: response.revision })),
    },
    names: deleted.map(({ object }) => objectName(object.kind, object.name)),
    table: () => deleted.map(({ object }) => `${keyText(object)}  deleted\n`).join(""),
  });
}
