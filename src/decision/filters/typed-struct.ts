/** Settings of filters that Envoy does not have, as a TypedStruct carries them: JSON with a type of ours. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import type { FieldError } from "../field-error.ts";

/** The settings when the message is a TypedStruct of this type, otherwise undefined. */
export function structOf(config: Any, typeUrl: string): JsonObject | undefined {
  const struct = anyUnpack(config, TypedStructSchema);
  return struct?.typeUrl === typeUrl ? (struct.value ?? {}) : undefined;
}

/** Refuses fields that are not among `known`, by path, as for messages with a schema. */
export function refuseUnknownFields(
  struct: JsonObject,
  known: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  for (const name of Object.keys(struct)) {
    if (known.includes(name)) continue;
    errors.push({
      path: `${path}.value.${name}`,
      message: `unknown; known are ${known.join(", ")}`,
    });
  }
}

/** The items of a list; what is no list is an error and has none. */
export function listIn(
  struct: JsonObject,
  name: string,
  path: string,
  errors: FieldError[],
): readonly JsonValue[] {
  const list = struct[name] ?? [];
  if (Array.isArray(list)) return list;
  errors.push({ path: `${path}.value.${name}`, message: "must be a list" });
  return [];
}
