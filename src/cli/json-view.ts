/**
 * Reading parsed JSON whose shape another program decides (objects of a newer control plane, a real Envoy's
 * configuration dump): what is missing or of another type reads as nothing, and nothing throws.
 */

export type JsonRecord = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonRecord)
    : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value at a path of keys, or undefined. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => asRecord(current)[key], value);
}

export function recordsAt(value: unknown, ...path: readonly string[]): readonly JsonRecord[] {
  return asList(valueAt(value, ...path)).map(asRecord);
}

/** Strings, numbers and booleans as text; anything else is empty. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean"
    ? String(found)
    : "";
}

export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "number" ? found : undefined;
}

/** `app=catalog,version=v1`. */
export function labelsText(labels: unknown): string {
  return Object.entries(asRecord(labels))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(",");
}
