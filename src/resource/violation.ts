/** One broken rule in one document, with all that its author needs in order to repair it. */

/** Stable names of the rules. New ones may be added. */
export type ViolationCode =
  /** The text is not YAML or JSON, or uses a part of YAML that is refused. */
  | "syntax"
  /** A map holds the same key twice. */
  | "duplicate-key"
  /** The text, a document or a nesting exceeds a bound. */
  | "too-large"
  /** `apiVersion` and `kind` name no kind of the mesh. */
  | "unknown-kind"
  /** The schema has no such field. */
  | "unknown-field"
  /** A field that has no default is missing. */
  | "missing-field"
  /** A string where a number belongs, `null` where anything belongs, … */
  | "wrong-type"
  /** The right type, but outside the range, the length, the pattern or the list of values. */
  | "invalid-value"
  /** Each field is right alone; together they break a rule. */
  | "invalid-combination"
  /** The same object twice in one text. */
  | "duplicate-object";

/** A violation within a value, wherever the value came from. */
export interface FieldViolation {
  /** `spec.rules[0].matches[1].path.type`; empty for the document as a whole. */
  readonly path: string;
  readonly code: ViolationCode;
  /** What the document holds there, shortened. Absent when nothing is there. */
  readonly found?: string;
  /** What may stand there. */
  readonly allowed?: string;
  /** The valid name or spelling most like `found`. */
  readonly suggestion?: string;
  /** A sentence that holds all of the above. */
  readonly message: string;
}

/** A violation in a text. */
export interface Violation extends FieldViolation {
  /** As the caller named it. */
  readonly file: string;
  /** Counted from 0 within the text. */
  readonly documentIndex: number;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** `HTTPRoute default/catalog`, as far as the document tells. */
  readonly object?: string;
}

/** A path as keys and indexes, from the document's root. */
export type FieldPath = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `["spec", "rules", 0, "a.b"]` becomes `spec.rules[0]["a.b"]`. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!PLAIN_KEY.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** One line per violation: `shop.yaml:12:9: spec.rules[0]: message`, in the order of the text. */
export function formatViolations(violations: readonly Violation[]): string {
  return violations
    .map((violation) => {
      const where = `${violation.file}:${violation.line}:${violation.column}`;
      const what = violation.object === undefined ? "" : ` ${violation.object}:`;
      const field = violation.path === "" ? "" : ` ${violation.path}:`;
      return `${where}:${what}${field} ${violation.message}`;
    })
    .join("\n");
}
