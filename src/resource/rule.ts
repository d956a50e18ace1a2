/**
 * Rules that look at several fields at once. Zod skips a refinement when the value below it has
 * errors already; these run always, so that every violation is reported in one go. In return a rule
 * sees values of any shape and must not trust any type.
 */
import type { z } from "zod";
import type { FieldPath, ViolationCode } from "./violation.ts";

export type LooseRecord = Readonly<Record<string, unknown>>;

export interface RuleFailure {
  /** From the value that the rule looks at. */
  readonly path: FieldPath;
  readonly code?: ViolationCode;
  /** What may stand there, or must be changed. Completes the sentence "… is allowed". */
  readonly message: string;
  readonly allowed?: string;
  readonly suggestion?: string;
}

/** What a rule leaves in a zod issue's `params`. */
export interface RuleIssueParams {
  readonly rule: RuleFailure;
}

export type Report = (failure: RuleFailure) => void;

/** `schema` with a rule for the object that it describes. */
export function objectRule<T extends z.ZodType>(
  schema: T,
  rule: (value: LooseRecord, report: Report) => void,
): T {
  return withRule(schema, (value, report) => {
    if (isRecord(value)) rule(value, report);
  });
}

/** `schema` with a rule for the list that it describes. */
export function listRule<T extends z.ZodType>(
  schema: T,
  rule: (items: readonly unknown[], report: Report) => void,
): T {
  return withRule(schema, (value, report) => {
    if (Array.isArray(value)) rule(value, report);
  });
}

/** `schema` with a rule for the string that it describes. */
export function stringRule<T extends z.ZodType>(
  schema: T,
  rule: (text: string, report: Report) => void,
): T {
  return withRule(schema, (value, report) => {
    if (typeof value === "string") rule(value, report);
  });
}

export function isRecord(value: unknown): value is LooseRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list below `key`, or an empty one. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  const list = isRecord(value) ? value[key] : undefined;
  return Array.isArray(list) ? list : [];
}

/** The value some keys down, or undefined. */
export function valueAt(value: unknown, ...keys: readonly string[]): unknown {
  let current = value;
  for (const key of keys) {
    if (!isRecord(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

/** Reports each item whose identity an earlier item has too. An undefined identity is unlike any. */
export function reportRepeated(
  items: readonly unknown[],
  report: Report,
  options: {
    readonly identity: (item: unknown) => string | undefined;
    /** Where in the item the repeated value stands. */
    readonly path: FieldPath;
    /** `header names`, for the message. */
    readonly what: string;
  },
): void {
  const firstIndex = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const identity = options.identity(item);
    if (identity === undefined) continue;
    const first = firstIndex.get(identity);
    if (first === undefined) firstIndex.set(identity, index);
    else {
      report({
        path: [index, ...options.path],
        message: `repeats item [${first}]; ${options.what} must be unique`,
      });
    }
  }
}

function withRule<T extends z.ZodType>(schema: T, rule: (value: unknown, report: Report) => void) {
  return schema.superRefine(
    (value, context) => {
      rule(value, (failure) => {
        const params: RuleIssueParams = { rule: failure };
        context.addIssue({ code: "custom", path: [...failure.path], params });
      });
    },
    { when: () => true },
  );
}
