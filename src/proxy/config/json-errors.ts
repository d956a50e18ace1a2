/**
 * Checks a configuration file against its messages before it is decoded: the decoder stops at the first
 * thing that it does not understand and does not say where it is; this finds all, each with its path.
 */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonValue,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { FieldError } from "../../decision/field-error.ts";
import { fieldRefusal, SUPPORTED_FIELDS } from "./supported-fields.ts";

interface Walk {
  readonly registry: Registry;
  readonly errors: FieldError[];
}

/** Everything in `json` that cannot be decoded or is not implemented. */
export function jsonErrors(
  schema: DescMessage,
  json: JsonValue,
  registry: Registry,
): readonly FieldError[] {
  const walk: Walk = { registry, errors: [] };
  visitMessage(schema, json, "", walk);
  return walk.errors;
}

function visitMessage(schema: DescMessage, json: JsonValue, path: string, walk: Walk): void {
  if (schema.typeName === "google.protobuf.Any") visitAny(json, path, walk);
  else if (schema.typeName.startsWith("google.protobuf.")) visitWellKnown(schema, json, path, walk);
  else visitFields(schema, json, path, walk);
}

function visitFields(schema: DescMessage, json: JsonValue, path: string, walk: Walk): void {
  if (!isObject(json)) {
    expected(`an object with fields of ${schema.typeName}`, json, path, walk);
    return;
  }
  const supported = SUPPORTED_FIELDS[schema.typeName]?.split(" ");
  const chosen = new Map<DescOneof, string>();
  for (const [key, value] of Object.entries(json)) {
    const at = path === "" ? key : `${path}.${key}`;
    const field = schema.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) {
      walk.errors.push({ path: at, message: `is not a field of ${schema.typeName}` });
    } else if (supported?.includes(field.name) === false) {
      walk.errors.push({ path: at, message: fieldRefusal(schema.typeName, field.name) });
    } else if (value !== null) {
      checkChoice(field, key, chosen, at, walk);
      visitField(field, value, at, walk);
    }
  }
}

/** Of the fields of a oneof only one may be there. */
function checkChoice(
  { oneof }: DescField,
  key: string,
  chosen: Map<DescOneof, string>,
  path: string,
  walk: Walk,
): void {
  if (oneof === undefined) return;
  const other = chosen.get(oneof);
  if (other === undefined) chosen.set(oneof, key);
  else walk.errors.push({ path, message: `cannot stand together with ${other}` });
}

function visitField(field: DescField, json: JsonValue, path: string, walk: Walk): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(json)) expected("a list", json, path, walk);
    for (const [index, item] of Array.isArray(json) ? json.entries() : []) {
      visitValue(field, item, `${path}[${index}]`, walk);
    }
  } else if (field.fieldKind === "map") {
    if (!isObject(json)) expected("an object", json, path, walk);
    for (const [key, item] of isObject(json) ? Object.entries(json) : []) {
      visitValue(field, item, `${path}[${JSON.stringify(key)}]`, walk);
    }
  } else {
    visitValue(field, json, path, walk);
  }
}

/** One value of a field, be it alone, in a list or in a map. */
function visitValue(field: DescField, json: JsonValue, path: string, walk: Walk): void {
  if (json === null) expected("a value", json, path, walk);
  else if (field.message !== undefined) visitMessage(field.message, json, path, walk);
  else if (field.enum !== undefined) visitEnum(field.enum, json, path, walk);
  else if (field.scalar !== undefined) visitScalar(field.scalar, json, path, walk);
}

function visitAny(json: JsonValue, path: string, walk: Walk): void {
  if (!isObject(json) || typeof json["@type"] !== "string") {
    expected("an object with @type", json, path, walk);
    return;
  }
  const { "@type": type, ...fields } = json;
  const typeName = type.slice(type.lastIndexOf("/") + 1);
  const schema = walk.registry.getMessage(typeName);
  if (schema === undefined) {
    walk.errors.push({ path, message: `${typeName || "an empty type"} is not implemented` });
  } else {
    visitMessage(schema, fields, path, walk);
  }
}

const WRAPPED: Readonly<Record<string, ScalarType>> = {
  "google.protobuf.BoolValue": ScalarType.BOOL,
  "google.protobuf.UInt32Value": ScalarType.UINT32,
  "google.protobuf.UInt64Value": ScalarType.UINT64,
  "google.protobuf.Int32Value": ScalarType.INT32,
  "google.protobuf.Int64Value": ScalarType.INT64,
  "google.protobuf.DoubleValue": ScalarType.DOUBLE,
  "google.protobuf.FloatValue": ScalarType.FLOAT,
  "google.protobuf.StringValue": ScalarType.STRING,
  "google.protobuf.BytesValue": ScalarType.BYTES,
};

function visitWellKnown(schema: DescMessage, json: JsonValue, path: string, walk: Walk): void {
  const scalar = WRAPPED[schema.typeName];
  if (scalar !== undefined) {
    visitScalar(scalar, json, path, walk);
  } else if (schema.typeName === "google.protobuf.Duration") {
    const isDuration = typeof json === "string" && /^-?\d{1,12}(?:\.\d{1,9})?s$/.test(json);
    if (!isDuration) expected('a duration such as "1.5s"', json, path, walk);
  } else if (schema.typeName === "google.protobuf.Struct" && !isObject(json)) {
    expected("an object", json, path, walk);
  } else if (schema.typeName === "google.protobuf.Empty" && !isEmptyObject(json)) {
    expected("an empty object", json, path, walk);
  }
}

function isEmptyObject(json: JsonValue): boolean {
  return isObject(json) && Object.keys(json).length === 0;
}

function visitEnum(desc: DescEnum, json: JsonValue, path: string, walk: Walk): void {
  const isKnown = desc.values.some(({ name, number }) => json === name || json === number);
  if (isKnown) return;
  expected(`one of ${desc.values.map(({ name }) => name).join(", ")}`, json, path, walk);
}

function visitScalar(type: ScalarType, json: JsonValue, path: string, walk: Walk): void {
  switch (type) {
    case ScalarType.STRING:
      if (typeof json !== "string") expected("text", json, path, walk);
      break;
    case ScalarType.BOOL:
      if (typeof json !== "boolean") expected("true or false", json, path, walk);
      break;
    case ScalarType.BYTES: {
      if (typeof json !== "string" || !isBase64(json))
        expected("bytes in base64", json, path, walk);
      break;
    }
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      if (!isNumeric(json)) expected("a number", json, path, walk);
      break;
    default:
      if (!isInteger(json, type)) expected("a whole number in range", json, path, walk);
  }
}

const RANGES: Partial<Record<ScalarType, readonly [min: bigint, max: bigint]>> = {
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
};

function isInteger(json: JsonValue, type: ScalarType): boolean {
  const isWhole = typeof json === "number" ? Number.isInteger(json) : /^-?\d+$/.test(String(json));
  if (!isWhole || !isNumeric(json)) return false;
  const range = RANGES[type];
  const value = BigInt(json);
  return range === undefined || (value >= range[0] && value <= range[1]);
}

/** Protobuf's JSON writes numbers as numbers or as text. */
function isNumeric(json: JsonValue): json is number | string {
  if (typeof json === "number") return true;
  return typeof json === "string" && /^-?\d+(?:\.\d+)?$/.test(json);
}

/** By the decoder's own verdict: which lengths and alphabets pass is its matter. */
function isBase64(text: string): boolean {
  try {
    base64Decode(text);
    return true;
  } catch {
    return false;
  }
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const FOUND_LENGTH_MAX = 80;

function expected(what: string, found: JsonValue, path: string, walk: Walk): void {
  const text = JSON.stringify(found) ?? "nothing";
  const shown = text.length > FOUND_LENGTH_MAX ? `${text.slice(0, FOUND_LENGTH_MAX)}…` : text;
  walk.errors.push({ path, message: `expected ${what}, found ${shown}` });
}
