/**
 * Documents with something wrong in them: each field that the schema of a kind has, set to each of many values that hardly
 * any field takes. Walks the schemas, so that kinds and fields that come later are covered by themselves. Pure.
 */
import { SeededPrng } from "../../src/core/prng.ts";

/** JSON Schema, as far as the reference writes it. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

/** From the document down: names of fields, 0 for an item of a list. */
export type FieldPath = readonly (string | number)[];

export type JsonDocument = Readonly<Record<string, unknown>>;

const DEPTH_MAX = 12;

function nested(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

/** Null, blank, of the wrong type, out of range, oversize, nested, and what other parsers have stumbled over. */
export const HOSTILE_VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    "",
    " ",
    "\t\r\n",
    "\u0000",
    "\u202e",
    "💥",
    "ä",
    "../..",
    "//",
    "%00",
    "*",
    "**",
  ],
  ...[
    "__proto__",
    "constructor",
    "#{x}",
    "{{x}}",
    "<script>",
    "-",
    "-1",
    "0",
    "1h",
    "-1s",
    "9e99s",
  ],
  ...[0, -1, 1.5, 65_536, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 1e-308],
  ...[[], {}, [null], [[]], [{}], { "": null }, { unknownField: 1 }, { constructor: {} }],
  "x".repeat(300),
  "(a+)+$".repeat(200),
  Array.from({ length: 1_000 }, () => null),
  Array.from({ length: 300 }, (_, i) => `item-${i}`),
  Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key-${i}`, "x"])),
  nested(50, (inner) => [inner]),
  nested(50, (inner) => ({ a: inner })),
];

/** Every field that a schema has, lists by their first item. */
export function fieldPaths(schema: JsonSchema): readonly FieldPath[] {
  const paths = new Map<string, FieldPath>();
  walk(schema, [], paths);
  return [...paths.values()];
}

function walk(schema: JsonSchema, path: FieldPath, paths: Map<string, FieldPath>): void {
  if (path.length > 0) paths.set(JSON.stringify(path), path);
  if (path.length > DEPTH_MAX) return;
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    walk(field, [...path, name], paths);
  }
  const { items, additionalProperties: more } = schema;
  if (items !== undefined) walk(items, [...path, 0], paths);
  if (typeof more === "object") walk(more, [...path, "anything"], paths);
  const { anyOf = [], oneOf = [], allOf = [] } = schema;
  for (const part of [...anyOf, ...oneOf, ...allOf]) walk(part, path, paths);
}

/** A copy of a document with one field set; what is missing on the way there comes into being. */
export function withField(document: JsonDocument, path: FieldPath, value: unknown): JsonDocument {
  const copy = structuredClone(document) as Record<string, unknown>;
  let at: Record<string | number, unknown> = copy;
  for (const [index, step] of path.slice(0, -1).entries()) {
    const inner = at[step];
    const isThere = typeof inner === "object" && inner !== null;
    if (!isThere) at[step] = typeof path[index + 1] === "number" ? [] : {};
    at = at[step] as Record<string | number, unknown>;
  }
  const last = path.at(-1)!;
  // As a parser would: a field of this name, not the prototype.
  Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

export interface Hostile {
  readonly document: JsonDocument;
  /** What was done to it, for whoever reads a failure. */
  readonly change: string;
}

/** Each field with each value, and with a field in it that nobody knows, in an order of chance. */
export function hostileDocuments(
  schema: JsonSchema,
  valid: JsonDocument,
  seed: number,
): readonly (() => Hostile)[] {
  const makers = fieldPaths(schema).flatMap((path) => [
    ...HOSTILE_VALUES.map((value) => () => changed(valid, path, value)),
    () => changed(valid, [...path, "unknownField"], "x"),
  ]);
  const prng = new SeededPrng(seed);
  for (let i = makers.length - 1; i > 0; i--) {
    const other = Math.floor(prng.next() * (i + 1));
    [makers[i], makers[other]] = [makers[other]!, makers[i]!];
  }
  return makers;
}

function changed(valid: JsonDocument, path: FieldPath, value: unknown): Hostile {
  return { document: withField(valid, path, value), change: changeText(path, value) };
}

function changeText(path: FieldPath, value: unknown): string {
  return `${path.join(".")} = ${JSON.stringify(value)?.slice(0, 60)}`;
}
