/**
 * Gives documents that name no namespace the one of `-n`, in their text: what the control plane judges is what
 * the user wrote, with one line more, and {@link NamespacedFile.lineOf} turns its line numbers back.
 */
import { type Document, isMap, isSeq, LineCounter, parseAllDocuments, type YAMLMap } from "yaml";
import { usageError } from "./errors.ts";
import { findKind } from "./kinds.ts";
import type { DocumentFile } from "./read-documents.ts";

export interface NamespacedFile extends DocumentFile {
  /** The line in the user's text for a line of `text`. */
  lineOf(line: number): number;
}

export interface NamespaceChoice {
  readonly namespace: string;
  /** A document that names another namespace is refused: with `-n`, not with the environment's default. */
  readonly isStrict: boolean;
}

interface Insertion {
  readonly offset: number;
  readonly text: string;
  /** The line, counted from 1, that gets a new line before it; undefined when lines stay. */
  readonly line: number | undefined;
}

export function withNamespace(file: DocumentFile, choice: NamespaceChoice): NamespacedFile {
  const lines = new LineCounter();
  const documents = parseAllDocuments(file.text, { lineCounter: lines, logLevel: "silent" });
  const insertions: Insertion[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const object of objectsOf(document)) {
      const insertion = insertionFor(object, { file, choice, lines });
      if (insertion !== undefined) insertions.push(insertion);
    }
  }
  return {
    name: file.name,
    text: insertAll(file.text, insertions),
    lineOf: (line) => lineBefore(line, insertions),
  };
}

/** The document's object, or the items of a List. What cannot be read is left for the control plane to refuse. */
function objectsOf(document: Document): readonly YAMLMap[] {
  const root: unknown = document.contents;
  if (document.errors.length > 0 || !isMap(root)) return [];
  if (root.get("kind") !== "List") return [root];
  const items: unknown = root.get("items", true);
  return isSeq(items) ? items.items.filter((item): item is YAMLMap => isMap(item)) : [];
}

function insertionFor(
  object: YAMLMap,
  given: {
    readonly file: DocumentFile;
    readonly choice: NamespaceChoice;
    readonly lines: LineCounter;
  },
): Insertion | undefined {
  const { file, choice, lines } = given;
  const metadata: unknown = object.get("metadata", true);
  const kind = findKind(String(object.get("kind")));
  if (!isMap(metadata) || kind?.isNamespaced === false) return undefined;
  const own: unknown = metadata.get("namespace");
  if (own !== undefined) {
    if (own === choice.namespace || !choice.isStrict) return undefined;
    throw usageError(
      `${file.name}: ${String(object.get("kind"))} ${String(metadata.get("name"))} is in namespace ${String(own)}, not in ${choice.namespace} of --namespace`,
      "leave out -n, or correct metadata.namespace",
    );
  }
  const field = `namespace: ${choice.namespace}`;
  const start = metadata.range?.[0];
  if (start === undefined || metadata.items.length === 0) return undefined;
  if (metadata.flow === true)
    return { offset: start + 1, text: `"namespace": "${choice.namespace}", `, line: undefined };
  const { line, col } = lines.linePos(start);
  return { offset: start, text: `${field}\n${" ".repeat(col - 1)}`, line };
}

function insertAll(text: string, insertions: readonly Insertion[]): string {
  let result = "";
  let copied = 0;
  for (const insertion of insertions) {
    result += text.slice(copied, insertion.offset) + insertion.text;
    copied = insertion.offset;
  }
  return result + text.slice(copied);
}

/** Insertions are in the order of the text, so that each one's line in the new text is known. */
function lineBefore(line: number, insertions: readonly Insertion[]): number {
  let added = 0;
  for (const insertion of insertions) {
    if (insertion.line === undefined) continue;
    if (line <= insertion.line + added) break;
    added += 1;
  }
  return line - added;
}
