/**
 * Groups of settings. MeshConfig holds a group whole, with every default; a policy holds any part of it, and what it
 * leaves out is MeshConfig's. One list of fields gives both.
 */
import { z } from "zod";

export type SettingsShape = Readonly<Record<string, z.ZodType>>;

/** A group as a policy writes it: any part. */
export function partOf<S extends SettingsShape>(shape: S) {
  return z.strictObject(shape).partial();
}

/** A group as MeshConfig holds it: what is left out has the default. */
export function wholeOf<S extends SettingsShape>(
  shape: S,
  defaults: { readonly [K in keyof S]: z.output<S[K]> },
) {
  const fields = Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [
      name,
      (schema as z.ZodType).default(defaults[name as keyof S] as never),
    ]),
  );
  return z.strictObject(fields as unknown as { [K in keyof S]: z.ZodDefault<S[K]> });
}
