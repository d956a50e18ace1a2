/** Judges a transaction against the state of the store and works out what it writes. Pure. */
import { isDeepStrictEqual } from "node:util";
import { MeshError } from "../core/errors.ts";
import type { AnyObject, KindName } from "../resource/kind-map.ts";
import { formatKey, keyOf, type ObjectKey } from "../resource/object.ts";
import type { Write } from "./engine.ts";
import type { StoreErrorDetail } from "./errors.ts";
import { checkSize } from "./request-check.ts";
import { type ApplyResult, type Change, type ChangeResult, revisionOf } from "./store.ts";

/** The state that a transaction meets. */
export interface Base {
  /** The revision that it gets, if it writes anything. */
  readonly nextRevision: number;
  /** RFC 3339. */
  readonly now: string;
  readonly newUid: () => string;
  readonly read: (key: ObjectKey) => AnyObject | undefined;
}

export interface Plan {
  readonly result: ApplyResult;
  /** Empty when all is as it should be already. */
  readonly writes: readonly Write[];
}

/** `changes` must have passed `checkChanges`. Throws not-found, already-exists, conflict and invalid. */
export function planTransaction(changes: readonly Change[], base: Base): Plan {
  const writes = new Map<string, Write>();
  const results: ChangeResult[] = [];
  for (const change of changes) {
    const key =
      change.type === "status" || change.type === "delete" ? change.key : keyOf(change.object);
    const name = formatKey(key);
    const pending = writes.get(name);
    const current = pending?.object ?? base.read(key);
    const result = planChange(change, { key, current, isPending: pending !== undefined, base });
    results.push(result);
    if (result.outcome === "unchanged") continue;
    checkSize(result.object);
    const type = result.outcome === "deleted" ? "delete" : "put";
    writes.set(name, { type, key: key as ObjectKey<KindName>, object: result.object });
  }
  const revision = writes.size === 0 ? base.nextRevision - 1 : base.nextRevision;
  return { result: { revision, results }, writes: [...writes.values()] };
}

interface Target {
  readonly key: ObjectKey;
  readonly current: AnyObject | undefined;
  /** `current` is of this very transaction. */
  readonly isPending: boolean;
  readonly base: Base;
}

function planChange(change: Change, target: Target): ChangeResult {
  const { current } = target;
  switch (change.type) {
    case "create":
      if (current !== undefined) throw alreadyExists(target.key, revisionOf(current));
      return created(change.object, target.base);
    case "put":
      checkRevision(change.expectedRevision, target);
      if (current === undefined) return created(change.object, target.base);
      return updated(current, change.object, target.base);
    case "update":
      return updated(existing(change.expectedRevision, target), change.object, target.base);
    case "status": {
      const before = existing(change.expectedRevision, target);
      if (isDeepStrictEqual(before.status, change.status)) return unchanged(before);
      return rewritten(before, { status: change.status }, target.base);
    }
    case "delete": {
      const before = existing(change.expectedRevision, target);
      return { ...rewritten(before, {}, target.base), outcome: "deleted" };
    }
  }
}

/** The object, which must exist, at the expected revision if one is expected. */
function existing(expectedRevision: number | undefined, target: Target): AnyObject {
  if (target.current === undefined) throw notFound(target.key);
  checkRevision(expectedRevision, target);
  return target.current;
}

function checkRevision(expectedRevision: number | undefined, target: Target): void {
  if (expectedRevision === undefined) return;
  const actualRevision = target.current === undefined ? 0 : revisionOf(target.current);
  if (actualRevision === expectedRevision) return;
  const { key } = target;
  throw failure(
    { code: "conflict", key, expectedRevision, actualRevision },
    `${formatKey(key)} is at revision ${actualRevision}, not at ${expectedRevision}: somebody else changed it`,
  );
}

function created(object: AnyObject, base: Base): ChangeResult {
  const { apiVersion, kind, metadata, spec } = object;
  const { name, namespace, labels, annotations } = metadata;
  const stored = {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      labels,
      annotations,
      uid: base.newUid(),
      generation: 1,
      resourceVersion: String(base.nextRevision),
      creationTimestamp: base.now,
    },
    spec,
  } as AnyObject;
  return { outcome: "created", object: stored };
}

function updated(before: AnyObject, after: AnyObject, base: Base): ChangeResult {
  const { labels, annotations } = after.metadata;
  const isSameSpec = isDeepStrictEqual(before.spec, after.spec);
  const isSameMetadata =
    isDeepStrictEqual(before.metadata.labels, labels) &&
    isDeepStrictEqual(before.metadata.annotations, annotations);
  if (isSameSpec && isSameMetadata && before.apiVersion === after.apiVersion) {
    return unchanged(before);
  }
  const generation = (before.metadata.generation ?? 1) + (isSameSpec ? 0 : 1);
  const metadata = { ...before.metadata, labels, annotations, generation };
  return rewritten(before, { apiVersion: after.apiVersion, metadata, spec: after.spec }, base);
}

function rewritten(before: AnyObject, changes: object, base: Base): ChangeResult {
  const object = { ...before, ...changes } as AnyObject;
  const metadata = { ...object.metadata, resourceVersion: String(base.nextRevision) };
  return { outcome: "updated", object: { ...object, metadata } };
}

function unchanged(object: AnyObject): ChangeResult {
  return { outcome: "unchanged", object };
}

function alreadyExists(key: ObjectKey, revision: number): MeshError<StoreErrorDetail> {
  return failure({ code: "already-exists", key, revision }, `${formatKey(key)} exists already`);
}

function notFound(key: ObjectKey): MeshError<StoreErrorDetail> {
  return failure({ code: "not-found", key }, `there is no ${formatKey(key)}`);
}

function failure(detail: StoreErrorDetail, message: string): MeshError<StoreErrorDetail> {
  return new MeshError(detail, message);
}
