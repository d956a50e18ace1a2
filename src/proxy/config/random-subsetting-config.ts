/**
 * RandomSubsetting where a policy stands: as its message, or as a TypedStruct of its type, which passes through an Envoy
 * that does not have the message.
 */
import { fromJson } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type RandomSubsetting,
  RandomSubsettingSchema,
} from "../../gen/envoy/extensions/load_balancing_policies/random_subsetting/v3/random_subsetting_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { messageRegistry } from "./message-registry.ts";
import { unsupportedFields } from "./unsupported-fields.ts";

export interface PlacedSubsetting {
  readonly message: RandomSubsetting;
  /** Where its fields stand. */
  readonly path: string;
}

/** Undefined where something else stands, or what is there cannot be read, which is an error. */
export function randomSubsettingOf(
  any: Any,
  path: string,
  errors: FieldError[],
): PlacedSubsetting | undefined {
  const message = anyUnpack(any, RandomSubsettingSchema);
  if (message !== undefined) return { message, path };
  const struct = anyUnpack(any, TypedStructSchema);
  if (!struct?.typeUrl.endsWith(`/${RandomSubsettingSchema.typeName}`)) return undefined;
  const inner = `${path}.value`;
  try {
    const registry = messageRegistry;
    const read = fromJson(RandomSubsettingSchema, struct.value ?? {}, { registry });
    errors.push(...unsupportedFields(RandomSubsettingSchema, read, registry, inner));
    return { message: read, path: inner };
  } catch (error) {
    errors.push({ path: inner, message: messageOf(error) });
    return undefined;
  }
}
