/** Walks a message and reports, by path, everything that is set but not implemented. */
import {
  type DescField,
  type DescMessage,
  isFieldSet,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { fieldRefusal, SUPPORTED_FIELDS } from "./supported-fields.ts";
import { LISTS_OF_ALTERNATIVES, SUPPORTED_TYPES } from "./supported-types.ts";

const supportedSets = new Map(
  Object.entries(SUPPORTED_FIELDS).map(([type, fields]) => [type, new Set(fields.split(" "))]),
);

/** `path` is where the message stands in its file or resource, empty for its root. */
export function unsupportedFields(
  schema: DescMessage,
  message: Message,
  registry: Registry,
  path = "",
): FieldError[] {
  const errors: FieldError[] = [];
  visit(reflect(schema, message), { path, holder: "" }, { registry, errors });
  return errors;
}

interface Walk {
  readonly registry: Registry;
  readonly errors: FieldError[];
}

interface Place {
  readonly path: string;
  /** The field, by its message's full name, that decides which types may stand in an Any. */
  readonly holder: string;
}

function visit(message: ReflectMessage, place: Place, walk: Walk): void {
  const { desc } = message;
  const { path } = place;
  if (desc.typeName === "google.protobuf.Any") {
    visitAny(message.message as Any, place, walk);
    return;
  }
  // Durations, wrappers and structs have no fields of their own to refuse.
  if (desc.typeName.startsWith("google.protobuf.")) return;
  const supported = supportedSets.get(desc.typeName);
  if (supported === undefined) {
    walk.errors.push({ path, message: `${desc.typeName} is not implemented` });
    return;
  }
  for (const { no } of message.getUnknown() ?? []) {
    const text = `field ${no} is not known: it is from a version of ${desc.typeName} that this proxy does not have`;
    walk.errors.push({ path, message: text });
  }
  for (const field of desc.fields) {
    if (!isFieldSet(message.message, field)) continue;
    const at = path === "" ? field.name : `${path}.${field.name}`;
    if (supported.has(field.name)) visitField(message, field, { ...place, path: at }, walk);
    else walk.errors.push({ path: at, message: fieldRefusal(desc.typeName, field.name) });
  }
}

function visitField(message: ReflectMessage, field: DescField, place: Place, walk: Walk): void {
  const { typeName } = message.desc;
  // A named extension says by where it stands, not by itself, which types it may hold.
  const isNamedExtension = typeName === "envoy.config.core.v3.TypedExtensionConfig";
  const inside = isNamedExtension ? place : { ...place, holder: `${typeName}.${field.name}` };
  const { path } = place;
  if (field.fieldKind === "message") {
    visit(message.get(field), inside, walk);
  } else if (field.fieldKind === "list") {
    for (const [index, item] of [...message.get(field)].entries()) {
      const at = `${path}[${index}]`;
      if (field.listKind === "message")
        visit(item as ReflectMessage, { ...inside, path: at }, walk);
      if (field.listKind === "enum") checkEnum(field, item as number, at, walk);
    }
  } else if (field.fieldKind === "map" && field.mapKind === "message") {
    for (const [key, item] of message.get(field)) {
      const at = `${path}[${JSON.stringify(key)}]`;
      visit(item as ReflectMessage, { ...inside, path: at }, walk);
    }
  } else if (field.fieldKind === "enum") {
    checkEnum(field, message.get(field), path, walk);
  }
}

/** Enums of proto3 are open: a value from a later version arrives as a number without a name. */
function checkEnum(
  field: DescField & { readonly enum: { readonly value: Readonly<Record<number, unknown>> } },
  value: number,
  path: string,
  walk: Walk,
): void {
  if (field.enum.value[value] !== undefined) return;
  walk.errors.push({ path, message: `${value} is not a value that this proxy knows` });
}

function visitAny(any: Any, { path, holder }: Place, walk: Walk): void {
  const typeName = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
  const allowed = SUPPORTED_TYPES[holder] ?? [];
  const schema = allowed.includes(typeName) ? walk.registry.getMessage(typeName) : undefined;
  if (schema === undefined) {
    if (LISTS_OF_ALTERNATIVES.has(holder)) return;
    const what = typeName === "" ? "an empty type" : typeName;
    const message = `${what} is not implemented here; use ${allowed.join(", ")}`;
    walk.errors.push({ path, message });
    return;
  }
  let inner: Message | undefined;
  try {
    inner = anyUnpack(any, schema);
  } catch {
    // Told below: the bytes are not this message.
  }
  if (inner === undefined) walk.errors.push({ path, message: `malformed ${typeName}` });
  else visit(reflect(schema, inner), { path, holder: "" }, walk);
}
