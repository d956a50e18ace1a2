/** Walks a message and reports, by path, every field that is set but not implemented. */
import { type DescMessage, isFieldSet, type Message, type Registry } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { SUPPORTED_FIELDS } from "./supported-fields.ts";

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
  visit(reflect(schema, message), path, { registry, errors });
  return errors;
}

interface Walk {
  readonly registry: Registry;
  readonly errors: FieldError[];
}

function visit(message: ReflectMessage, path: string, walk: Walk): void {
  const { desc } = message;
  if (desc.typeName === "google.protobuf.Any") {
    visitAny(message.message as Any, path, walk);
    return;
  }
  // Durations, wrappers and structs have no fields of their own to refuse.
  if (desc.typeName.startsWith("google.protobuf.")) return;
  const supported = supportedSets.get(desc.typeName);
  if (supported === undefined) {
    walk.errors.push({ path, message: `${desc.typeName} is not implemented` });
    return;
  }
  for (const field of desc.fields) {
    if (!isFieldSet(message.message, field)) continue;
    const at = path === "" ? field.name : `${path}.${field.name}`;
    if (!supported.has(field.name)) {
      walk.errors.push({ path: at, message: "not implemented by this proxy" });
      continue;
    }
    if (field.fieldKind === "message") {
      visit(message.get(field), at, walk);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const [index, item] of [...message.get(field)].entries()) {
        visit(item as ReflectMessage, `${at}[${index}]`, walk);
      }
    } else if (field.fieldKind === "map" && field.mapKind === "message") {
      for (const [key, item] of message.get(field)) {
        visit(item as ReflectMessage, `${at}[${JSON.stringify(key)}]`, walk);
      }
    }
  }
}

function visitAny(any: Any, path: string, walk: Walk): void {
  const schema = walk.registry.getMessage(any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1));
  const inner = schema === undefined ? undefined : anyUnpack(any, schema);
  if (schema === undefined || inner === undefined) {
    walk.errors.push({ path, message: `${any.typeUrl || "an empty type"} is not implemented` });
    return;
  }
  visit(reflect(schema, inner), path, walk);
}
