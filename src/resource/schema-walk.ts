/** Looks into zod schemas: which fields does an object have, what stands below a path. */
import type { z } from "zod";
import type { FieldPath } from "./violation.ts";

type Schema = z.core.$ZodType;

/** The schema without optional, default and the like around it. */
export function unwrap(schema: Schema): Schema {
  let current: Schema = schema;
  for (;;) {
    const definition = (current as z.core.$ZodTypes)._zod.def;
    if (!("innerType" in definition)) return current;
    current = definition.innerType;
  }
}

/** Field names and schemas of an object schema, or undefined for any other. */
export function fieldsOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const definition = (unwrap(schema) as z.core.$ZodTypes)._zod.def;
  return definition.type === "object" ? definition.shape : undefined;
}

/** The schema of a list's items or a record's values, or undefined for any other. */
export function elementOf(schema: Schema): Schema | undefined {
  const definition = (unwrap(schema) as z.core.$ZodTypes)._zod.def;
  if (definition.type === "array") return definition.element;
  return definition.type === "record" ? definition.valueType : undefined;
}

/** The schema at `path`, or undefined where the schema has no such place. */
export function schemaAt(schema: Schema, path: FieldPath): Schema | undefined {
  let current: Schema | undefined = schema;
  for (const part of path) {
    if (current === undefined) return undefined;
    const fields = fieldsOf(current);
    current = fields === undefined ? elementOf(current) : fields[part];
  }
  return current;
}
