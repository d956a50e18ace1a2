/**
 * Access log lines, compiled when configuration changes: text as Envoy's format strings say, or JSON in which a value of one
 * operator keeps its type. JSON is written by hand: an object for each request, only to be turned into text, would
 * cost more than its text.
 */
import { type FormatPart, parseFormat } from "../../core/substitution-format.ts";
import type { AccessLogEntry } from "./log-entry.ts";
import {
  compileOperator,
  type FormatSurroundings,
  type LogValue,
  type Operator,
  type ReportFormat,
  textOfValue,
} from "./operators.ts";

export type LineFormat = (entry: AccessLogEntry) => string;

/** JSON of formats: a text is a format, everything else stands as it is. */
export type JsonTemplate =
  | string
  | number
  | boolean
  | null
  | readonly JsonTemplate[]
  | { readonly [key: string]: JsonTemplate };

export interface LineOptions {
  /** What has no value is left out of objects; in text it is empty instead of `-`. */
  readonly omitsEmpty: boolean;
  readonly surroundings: FormatSurroundings;
}

/** `report` is told the key of the value and what is wrong with it. */
export function jsonLineFormat(
  fields: { readonly [key: string]: JsonTemplate },
  options: LineOptions,
  report: (key: string, message: string) => void,
): LineFormat {
  const write = compileObject(fields, "", options, report);
  return (entry) => `${write(entry) ?? "{}"}\n`;
}

/** The format brings its own line end, as in Envoy. */
export function textLineFormat(
  format: string,
  options: LineOptions,
  report: ReportFormat,
): LineFormat {
  const parts = compileParts(format, options.surroundings, report);
  const missing = options.omitsEmpty ? "" : "-";
  return (entry) => textOf(parts, entry, missing);
}

/** A value for OTLP: a single operator keeps its type; undefined where nothing of it has a value. */
export function valueFormat(
  format: string,
  surroundings: FormatSurroundings,
  report: ReportFormat,
): (entry: AccessLogEntry) => LogValue {
  const parts = compileParts(format, surroundings, report);
  const [only] = parts;
  if (parts.length === 1 && typeof only === "function") return only;
  return (entry) => textOf(parts, entry, "-");
}

type Part = string | Operator;
/** JSON text; undefined for what is to be left out. */
type JsonWriter = (entry: AccessLogEntry) => string | undefined;

function compileParts(
  format: string,
  surroundings: FormatSurroundings,
  report: ReportFormat,
): readonly Part[] {
  let isBroken = false;
  const known = parseFormat(format, (message) => {
    isBroken = true;
    report(message);
  });
  if (isBroken) return [];
  return known.map((part: FormatPart) =>
    typeof part === "string" ? part : compileOperator(part, surroundings, report),
  );
}

function textOf(parts: readonly Part[], entry: AccessLogEntry, missing: string): string {
  let text = "";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (typeof part === "string") text += part;
    else {
      const value = part(entry);
      text += value === undefined ? missing : textOfValue(value);
    }
  }
  return text;
}

function compileObject(
  fields: { readonly [key: string]: JsonTemplate },
  path: string,
  options: LineOptions,
  report: (key: string, message: string) => void,
): JsonWriter {
  const keys: string[] = [];
  const writers: JsonWriter[] = [];
  for (const [key, template] of Object.entries(fields)) {
    keys.push(`${JSON.stringify(key)}:`);
    writers.push(compileTemplate(template, path === "" ? key : `${path}.${key}`, options, report));
  }
  const { omitsEmpty } = options;
  return (entry) => {
    let text = "{";
    for (let i = 0; i < writers.length; i++) {
      const value = writers[i]!(entry);
      if (value === undefined && omitsEmpty) continue;
      text += (text.length > 1 ? "," : "") + keys[i]! + (value ?? "null");
    }
    return omitsEmpty && text.length === 1 ? undefined : `${text}}`;
  };
}

function compileTemplate(
  template: JsonTemplate,
  path: string,
  options: LineOptions,
  report: (key: string, message: string) => void,
): JsonWriter {
  if (typeof template === "string") {
    return compileValue(template, options, (message) => report(path, message));
  }
  if (Array.isArray(template)) {
    const items = (template as readonly JsonTemplate[]).map((item, index) =>
      compileTemplate(item, `${path}[${index}]`, options, report),
    );
    return (entry) => {
      const texts: string[] = [];
      for (const item of items) {
        const text = item(entry);
        if (text !== undefined || !options.omitsEmpty) texts.push(text ?? "null");
      }
      return `[${texts.join(",")}]`;
    };
  }
  if (typeof template === "object" && template !== null) {
    const fields = template as { readonly [key: string]: JsonTemplate };
    return compileObject(fields, path, options, report);
  }
  const constant = JSON.stringify(template);
  return () => constant;
}

function compileValue(format: string, options: LineOptions, report: ReportFormat): JsonWriter {
  const parts = compileParts(format, options.surroundings, report);
  const [only] = parts;
  if (parts.length === 1 && typeof only === "function") {
    return repeated(only);
  }
  if (parts.every((part) => typeof part === "string")) {
    const constant = JSON.stringify(parts.join(""));
    return () => constant;
  }
  const missing = options.omitsEmpty ? "" : "-";
  return (entry) => quoted(textOf(parts, entry, missing));
}

/** Routes, clusters, user agents and most numbers are what they were a request before: their text is kept. */
function repeated(read: Operator): JsonWriter {
  let last: LogValue;
  let text: string | undefined;
  return (entry) => {
    const value = read(entry);
    if (value === last) return text;
    last = value;
    text = value === undefined ? undefined : jsonOf(value);
    return text;
  };
}

function jsonOf(value: Exclude<LogValue, undefined>): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "object") return JSON.stringify(value);
  return Number.isNaN(value) ? "null" : String(value);
}

/** Nearly every value is plain, and looking for what is not is cheaper than a call that writes any. */
function quoted(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // RFC 8259 section 7; lone surrogates are no text.
    if (code < 0x20 || code === 0x22 || code === 0x5c || code >= 0xd800)
      return JSON.stringify(text);
  }
  return `"${text}"`;
}
