/** Reads YAML or JSON texts with any number of documents into objects, or into every violation. */
import {
  type Document,
  LineCounter,
  parseAllDocuments,
  type YAMLError,
  type YAMLWarning,
} from "yaml";
import type { AnyObject } from "./kind-map.ts";
import { formatKey, keyOf } from "./object.ts";
import type { AnyKindDefinition, Registry } from "./registry.ts";
import { isRecord, listAt, valueAt } from "./rule.ts";
import { unknownKind } from "./unknown-kind.ts";
import { type FieldPath, formatPath, type Violation } from "./violation.ts";
import { readYamlValue, type YamlValue } from "./yaml-value.ts";
import { describeValue, type PathedViolation, VIOLATIONS_MAX } from "./zod-violations.ts";

/** An object and where it was written. */
export interface ParsedDocument {
  readonly object: AnyObject;
  readonly file: string;
  /** Counted from 0 within the text. */
  readonly documentIndex: number;
  /** Counted from 1. */
  readonly line: number;
}

export interface ParsedDocuments {
  /** The objects of the documents that are right. */
  readonly objects: readonly AnyObject[];
  /** The same objects, each with its place. */
  readonly documents: readonly ParsedDocument[];
  /** In the order of the text. A caller that writes objects refuses the whole text if there are any. */
  readonly violations: readonly Violation[];
}

/** Larger texts are refused: reading this much stops the process for some 3 s. */
export const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

/**
 * Reads every document of `text`; empty ones are skipped, the items of a `v1 List` read each by
 * itself. A text with a syntax error yields its syntax errors. Never throws.
 */
export function parseDocuments(
  text: string,
  fileName: string,
  registry: Registry,
): ParsedDocuments {
  if (text.length > TEXT_LENGTH_MAX) {
    const message = `is ${text.length} characters long; at most ${TEXT_LENGTH_MAX} are read`;
    const place = { file: fileName, documentIndex: 0, line: 1, column: 1 };
    return result([], [{ ...place, path: "", code: "too-large", message }]);
  }
  const lines = new LineCounter();
  const reader = new DocumentReader({ fileName, lines, registry });
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    // Found again by our own reader, which tells them apart from errors of syntax.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  if ("empty" in documents) reader.readEmpty(documents);
  else for (const [index, document] of documents.entries()) reader.read(document, index);
  return result(reader.parsed, reader.violations.slice(0, VIOLATIONS_MAX));
}

function result(
  documents: readonly ParsedDocument[],
  violations: readonly Violation[],
): ParsedDocuments {
  return { objects: documents.map(({ object }) => object), documents, violations };
}

interface Source {
  readonly yaml: YamlValue | undefined;
  readonly documentIndex: number;
  /** Where in the document the object stands: empty, or an item of a List. */
  readonly prefix: FieldPath;
  /** `HTTPRoute default/catalog`, as far as known. */
  readonly object: string | undefined;
}

interface Erroneous {
  readonly errors: readonly YAMLError[];
  readonly warnings: readonly YAMLWarning[];
}

type Unplaced = Omit<PathedViolation, "path">;

class DocumentReader {
  readonly parsed: ParsedDocument[] = [];
  readonly violations: Violation[] = [];
  readonly #fileName: string;
  readonly #lines: LineCounter;
  readonly #registry: Registry;
  readonly #lineOfObject = new Map<string, number>();

  constructor(options: {
    readonly fileName: string;
    readonly lines: LineCounter;
    readonly registry: Registry;
  }) {
    this.#fileName = options.fileName;
    this.#lines = options.lines;
    this.#registry = options.registry;
  }

  read(document: Document.Parsed, documentIndex: number): void {
    const unread: Source = { yaml: undefined, documentIndex, prefix: [], object: undefined };
    if (this.#addErrors(unread, document) > 0 || document.contents === null) return;
    const yaml = readYamlValue(document);
    const source = { ...unread, yaml };
    const { value, faults } = yaml;
    for (const { code, path, message, offset } of faults) {
      this.#add(source, { path: formatPath(path), code, message, ...this.#positionAt(offset) });
    }
    if (faults.length > 0 || value === null) return;
    if (valueAt(value, "kind") === "List" && valueAt(value, "apiVersion") === "v1") {
      for (const [index, item] of listAt(value, "items").entries()) {
        this.#readObject(item, { ...source, prefix: ["items", index] });
      }
    } else this.#readObject(value, source);
  }

  /** A text without any document can have errors too. */
  readEmpty(stream: Erroneous): void {
    this.#addErrors({ yaml: undefined, documentIndex: 0, prefix: [], object: undefined }, stream);
  }

  #addErrors(source: Source, { errors, warnings }: Erroneous): number {
    // What the parser warns of, such as tags that it doesn't know, changes what a text means.
    const all = [...errors, ...warnings].slice(0, VIOLATIONS_MAX);
    for (const error of all) {
      this.#add(source, { path: "", ...syntaxError(error), ...this.#positionAt(error.pos[0]) });
    }
    return all.length;
  }

  #readObject(value: unknown, anonymous: Source): void {
    const source = { ...anonymous, object: nameOf(value) };
    const definition = this.#definitionOf(value, source);
    if (definition === undefined) return;
    const validation = definition.validate(value);
    if (!validation.ok) {
      for (const violation of validation.violations) this.#addPathed(source, violation);
      return;
    }
    const { object } = validation;
    const key = formatKey(keyOf(object));
    const { line } = this.#positionOf(source, [], "value");
    const earlier = this.#lineOfObject.get(key);
    if (earlier !== undefined) {
      this.#addPathed(source, {
        segments: ["metadata", "name"],
        at: "value",
        code: "duplicate-object",
        found: key,
        message: `${key} is on line ${earlier} already`,
      });
      return;
    }
    this.#lineOfObject.set(key, line);
    const { documentIndex } = source;
    this.parsed.push({ object, file: this.#fileName, documentIndex, line });
  }

  #definitionOf(value: unknown, source: Source): AnyKindDefinition | undefined {
    if (!isRecord(value)) {
      const found = describeValue(value);
      const message = `is ${found}; needed is a map with apiVersion, kind, metadata and spec`;
      this.#addPathed(source, { segments: [], at: "value", code: "wrong-type", found, message });
      return undefined;
    }
    const { apiVersion, kind } = value;
    if (typeof apiVersion === "string" && typeof kind === "string") {
      const definition = this.#registry.find(apiVersion, kind);
      if (definition !== undefined) return definition;
    }
    for (const violation of unknownKind({ apiVersion, kind }, this.#registry)) {
      this.#addPathed(source, violation);
    }
    return undefined;
  }

  #addPathed(source: Source, violation: Unplaced): void {
    const { segments, at, ...rest } = violation;
    this.#add(source, {
      ...rest,
      path: formatPath([...source.prefix, ...segments]),
      ...this.#positionOf(source, segments, at),
    });
  }

  #add(source: Source, violation: Omit<Violation, "file" | "documentIndex" | "object">): void {
    const { documentIndex, object } = source;
    this.violations.push({
      file: this.#fileName,
      documentIndex,
      ...(object === undefined ? {} : { object }),
      ...violation,
    });
  }

  #positionOf(source: Source, segments: FieldPath, at: "key" | "value") {
    return this.#positionAt(source.yaml?.offsetOf([...source.prefix, ...segments], at) ?? 0);
  }

  #positionAt(offset: number) {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function syntaxError(error: YAMLError | YAMLWarning): Pick<Violation, "code" | "message"> {
  // The parser calls itself for each level, and reports when that has used up the stack.
  if (error.message.includes("call stack"))
    return { code: "too-large", message: "nests too deeply" };
  return { code: "syntax", message: `cannot be read: ${error.message}` };
}

/** `HTTPRoute default/catalog`, as far as the document tells. */
function nameOf(value: unknown): string | undefined {
  const kind = valueAt(value, "kind");
  const name = valueAt(value, "metadata", "name");
  if (typeof kind !== "string" || typeof name !== "string") return undefined;
  const namespace = valueAt(value, "metadata", "namespace");
  return `${kind} ${typeof namespace === "string" ? `${namespace}/` : ""}${name}`;
}
