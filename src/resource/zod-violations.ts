/** Turns zod's issues into violations: what was found, what is allowed, what was probably meant. */
import type { z } from "zod";
import { nearestName } from "./nearest-name.ts";
import { isRecord, type RuleIssueParams } from "./rule.ts";
import { fieldsOf, schemaAt } from "./schema-walk.ts";
import { type FieldPath, type FieldViolation, formatPath } from "./violation.ts";

/** A violation that can still be located in a text. */
export interface PathedViolation extends FieldViolation {
  readonly segments: FieldPath;
  /** Whether the key at the path is wrong, or the value. */
  readonly at: "key" | "value";
}

interface Source {
  readonly document: unknown;
  readonly schema: z.core.$ZodType;
}

type Issue = z.core.$ZodIssue;

/** Longer values are shortened in messages. */
const FOUND_LENGTH_MAX = 80;
/** Longer lists of names are shortened in messages. */
const NAMES_MAX = 24;

/** More violations than this in one document help nobody, and take time to describe. */
export const VIOLATIONS_MAX = 1000;

/** One violation per issue, one per key for unknown fields; in the order of zod, the first 1000. */
export function violationsOf(issues: readonly Issue[], source: Source): PathedViolation[] {
  const violations: PathedViolation[] = [];
  const misshapen = new Set(
    issues.filter(({ code }) => code === "invalid_format").map(({ path }) => path.join("\n")),
  );
  for (const issue of issues) {
    // An empty text is too short and has the wrong form; the form says it better.
    if (issue.code === "too_small" && misshapen.has(issue.path.join("\n"))) continue;
    const room = VIOLATIONS_MAX - violations.length;
    if (room === 0) break;
    violations.push(...violationsOfIssue(issue, source, room));
  }
  return violations;
}

/** What a value looks like in a message: JSON, shortened. Never throws. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `a list of ${value.length}`;
  if (isRecord(value)) {
    const keys = Object.keys(value);
    return keys.length === 0 ? "{}" : `a map with ${shortList(keys.slice(0, 3), keys.length)}`;
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length > FOUND_LENGTH_MAX ? `${text.slice(0, FOUND_LENGTH_MAX)}…` : text;
}

function violationsOfIssue(issue: Issue, source: Source, countMax: number): PathedViolation[] {
  const segments = fieldPath(issue.path);
  const found = foundAt(source.document, segments);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.slice(0, countMax).map((key) => unknownField([...segments, key], source));
    case "custom":
      return [ruleViolation(segments, found, issue.params)];
    case "invalid_key": {
      const allowed = issue.issues.map((inner) => inner.message).join(", ");
      return [{ ...invalidValue(segments, segments.at(-1), allowed), at: "key" }];
    }
    case "invalid_value": {
      if (found === undefined) return [missingField(segments, oneOf(issue.values))];
      return [invalidEnum(segments, found, issue.values)];
    }
    case "invalid_type": {
      const expected = typeNames[issue.expected] ?? issue.expected;
      if (found === undefined) return [missingField(segments, expected)];
      return [wrongType(segments, found, expected)];
    }
    case "invalid_union":
      if (found === undefined) return [missingField(segments, issue.message)];
      return [invalidValue(segments, found, issue.message)];
    case "too_small":
    case "too_big":
      return [invalidValue(segments, found, sizeText(issue))];
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_element":
      return [invalidValue(segments, found, issue.message)];
  }
}

function unknownField(segments: FieldPath, source: Source): PathedViolation {
  const name = String(segments.at(-1));
  const parent = schemaAt(source.schema, segments.slice(0, -1));
  const names = Object.keys((parent === undefined ? undefined : fieldsOf(parent)) ?? {});
  const suggestion = nearestName(name, names);
  const allowed = `one of ${shortList(names.slice(0, NAMES_MAX), names.length)}`;
  return {
    ...place(segments, "key"),
    code: "unknown-field",
    found: name,
    allowed,
    ...(suggestion === undefined ? {} : { suggestion }),
    message:
      suggestion === undefined
        ? `there is no field ${name}; allowed is ${allowed}`
        : `there is no field ${name}; did you mean ${suggestion}?`,
  };
}

function ruleViolation(
  segments: FieldPath,
  value: unknown,
  params: Issue extends never ? never : Readonly<Record<string, unknown>> | undefined,
): PathedViolation {
  const { rule } = params as unknown as RuleIssueParams;
  const found = value === undefined ? undefined : describeValue(value);
  return {
    ...place(segments, "value"),
    code: rule.code ?? "invalid-combination",
    ...(found === undefined ? {} : { found }),
    ...(rule.allowed === undefined ? {} : { allowed: rule.allowed }),
    ...(rule.suggestion === undefined ? {} : { suggestion: rule.suggestion }),
    message:
      rule.code === "invalid-value" ? `is ${found ?? "nothing"}; ${rule.message}` : rule.message,
  };
}

function missingField(segments: FieldPath, allowed: string): PathedViolation {
  return {
    ...place(segments, "value"),
    code: "missing-field",
    allowed,
    message: `is missing; needed is ${allowed}`,
  };
}

function wrongType(segments: FieldPath, value: unknown, allowed: string): PathedViolation {
  const found = describeValue(value);
  const suggestion = typeSlip(value, allowed);
  return {
    ...place(segments, "value"),
    code: "wrong-type",
    found,
    allowed,
    ...(suggestion === undefined ? {} : { suggestion }),
    message: `is ${found}, ${typeOf(value)}; needed is ${allowed}${suggestion === undefined ? "" : `: write ${suggestion}`}`,
  };
}

function invalidEnum(
  segments: FieldPath,
  value: unknown,
  values: readonly unknown[],
): PathedViolation {
  const names = values.map(String);
  const suggestion = typeof value === "string" ? nearestName(value, names) : undefined;
  const allowed = oneOf(values);
  return {
    ...invalidValue(segments, value, allowed),
    ...(suggestion === undefined ? {} : { suggestion }),
    message: `is ${describeValue(value)}; allowed is ${allowed}${suggestion === undefined ? "" : `; did you mean ${suggestion}?`}`,
  };
}

function invalidValue(segments: FieldPath, value: unknown, allowed: string): PathedViolation {
  const found = describeValue(value);
  return {
    ...place(segments, "value"),
    code: "invalid-value",
    found,
    allowed,
    message: `is ${found}; allowed is ${allowed}`,
  };
}

function place(segments: FieldPath, at: "key" | "value") {
  return { path: formatPath(segments), segments, at };
}

/** A number or boolean where its text belongs, or the reverse, is mostly a matter of quotes. */
function typeSlip(value: unknown, allowed: string): string | undefined {
  if (allowed === typeNames["string"]) {
    return typeof value === "number" || typeof value === "boolean" ? `"${value}"` : undefined;
  }
  const isNumber = allowed === typeNames["int"] || allowed === typeNames["number"];
  if (isNumber && typeof value === "string" && /^[0-9]{1,15}$/.test(value)) return value;
  if (allowed === typeNames["boolean"] && (value === "true" || value === "false")) return value;
  return undefined;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function typeOf(value: unknown): string {
  if (value === null) return "which is not allowed anywhere";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : `a ${typeof value}`;
}

function sizeText(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const limit = String(issue.code === "too_small" ? issue.minimum : issue.maximum);
  const bound = issue.code === "too_small" ? `at least ${limit}` : `at most ${limit}`;
  if (issue.origin === "string") return `${bound} characters`;
  if (issue.origin === "array") return `${bound} items`;
  return bound;
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => (value === "" ? '""' : String(value)));
  return texts.length === 1 ? (texts[0] ?? "") : `one of ${texts.join(", ")}`;
}

function shortList(names: readonly string[], count: number): string {
  return `${names.join(", ")}${count > names.length ? ", …" : ""}`;
}

function fieldPath(path: readonly PropertyKey[]): FieldPath {
  return path.map((part) => (typeof part === "number" ? part : String(part)));
}

function foundAt(document: unknown, path: FieldPath): unknown {
  let current = document;
  for (const part of path) {
    if (typeof current !== "object" || current === null) return undefined;
    if (!Object.hasOwn(current, part)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[part];
  }
  return current;
}
