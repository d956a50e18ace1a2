/** Checks what callers hand to a store, once for every implementation: nothing malformed gets in. */
import { MeshError } from "../core/errors.ts";
import type { AnyObject } from "../resource/kind-map.ts";
import { formatKey, keyOf, type ObjectKey } from "../resource/object.ts";
import type { Registry } from "../resource/registry.ts";
import type { FieldViolation } from "../resource/violation.ts";
import type { StoreErrorDetail } from "./errors.ts";
import { CHANGES_PER_TRANSACTION_MAX, OBJECT_BYTES_MAX } from "./limits.ts";
import type { Change, WatchOptions } from "./store.ts";

/**
 * The changes in the form that is stored: plain JSON values, with every default of their schemas.
 * Throws `invalid`.
 */
export function checkChanges(changes: readonly Change[], registry: Registry): readonly Change[] {
  if (changes.length > CHANGES_PER_TRANSACTION_MAX) {
    throw invalid(null, [
      tooLarge(`holds ${changes.length} changes; at most ${CHANGES_PER_TRANSACTION_MAX} are taken`),
    ]);
  }
  const lastChange = new Map<string, Change["type"]>();
  return changes.map((change) => {
    const checked = checkChange(change, registry);
    const key = "key" in checked ? checked.key : keyOf(checked.object);
    checkRepetition(checked, { key, lastChange });
    return checked;
  });
}

/** Throws `invalid` when the object is too large to be stored. */
export function checkSize(object: AnyObject): void {
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes <= OBJECT_BYTES_MAX) return;
  const message = `takes ${bytes} bytes as JSON; at most ${OBJECT_BYTES_MAX} are stored`;
  throw invalid(keyOf(object), [tooLarge(message)]);
}

/** Throws `invalid`. */
export function checkWatch(options: WatchOptions): void {
  if (Number.isSafeInteger(options.fromRevision) && options.fromRevision >= 0) return;
  throw invalid(null, [
    invalidValue(
      "fromRevision",
      `is ${options.fromRevision}; allowed is a whole number, 0 or more`,
    ),
  ]);
}

function checkChange(change: Change, registry: Registry): Change {
  if ("expectedRevision" in change && change.expectedRevision !== undefined) {
    checkExpectedRevision(change.expectedRevision);
  }
  switch (change.type) {
    case "create":
    case "update":
    case "put":
      return { ...change, object: checkObject(change.object, registry) };
    case "status":
      return { ...change, status: asJson(change.status, change.key) } as Change;
    case "delete":
      return change;
  }
}

function checkObject(object: AnyObject, registry: Registry): AnyObject {
  const definition = registry.find(object.apiVersion, object.kind);
  if (definition === undefined) {
    const message = `there is no kind ${object.kind} in ${object.apiVersion}`;
    throw invalid(null, [{ path: "kind", code: "unknown-kind", message }]);
  }
  const validation = definition.validate(object);
  if (validation.ok) return asJson(validation.object, keyOf(validation.object));
  throw invalid(keyOf(object), validation.violations);
}

function checkRepetition(
  change: Change,
  seen: { readonly key: ObjectKey; readonly lastChange: Map<string, Change["type"]> },
): void {
  const name = formatKey(seen.key);
  const earlier = seen.lastChange.get(name);
  seen.lastChange.set(name, change.type);
  if (earlier === undefined) return;
  const mayFollow = earlier !== "status" && earlier !== "delete";
  if (change.type === "status" && mayFollow && change.expectedRevision === undefined) return;
  const message = `${name} is named twice in one transaction`;
  throw invalid(seen.key, [{ path: "", code: "duplicate-object", message }]);
}

function checkExpectedRevision(revision: number): void {
  if (Number.isSafeInteger(revision) && revision >= 0) return;
  throw invalid(null, [
    invalidValue("expectedRevision", `is ${revision}; allowed is a whole number, 0 or more`),
  ]);
}

/** A copy as JSON holds it, so that what is compared, returned and stored is the same. */
function asJson<T>(value: T, key: ObjectKey): T {
  const text = JSON.stringify(value);
  if (text.length > OBJECT_BYTES_MAX) {
    throw invalid(key, [tooLarge(`is longer than ${OBJECT_BYTES_MAX} bytes as JSON`)]);
  }
  return JSON.parse(text) as T;
}

function tooLarge(message: string): FieldViolation {
  return { path: "", code: "too-large", message };
}

function invalidValue(path: string, message: string): FieldViolation {
  return { path, code: "invalid-value", message };
}

function invalid(
  key: ObjectKey | null,
  violations: readonly FieldViolation[],
): MeshError<StoreErrorDetail> {
  const what = violations.map(({ path, message }) =>
    path === "" ? message : `${path}: ${message}`,
  );
  const prefix = key === null ? "" : `${formatKey(key)}: `;
  return new MeshError({ code: "invalid", key, violations }, `${prefix}${what.join("; ")}`);
}
