/**
 * The store's contract: all objects of the mesh, under one revision that rises by one with each
 * transaction and never falls, not even over a crash. `test/support/store-contract.ts` is its test.
 *
 * Objects that are passed in and handed out are never changed by anybody afterwards. Every promise
 * rejects with a `StoreError` (errors.ts) and nothing else.
 */
import type { AnyObject, KindName, ObjectOf, StatusOf } from "../resource/kind-map.ts";
import type { ObjectKey } from "../resource/object.ts";

/**
 * One step of a transaction. A transaction names an object once, but for a status change that may
 * follow its create, update or put. `status` within an object is ignored.
 */
export type Change =
  /** Fails with `already-exists`. */
  | { readonly type: "create"; readonly object: AnyObject }
  /** Replaces spec, labels and annotations. Fails with `not-found` and `conflict`. */
  | { readonly type: "update"; readonly object: AnyObject; readonly expectedRevision: number }
  /** Creates or replaces. With `expectedRevision` it is an update; 0 means "must not exist". */
  | { readonly type: "put"; readonly object: AnyObject; readonly expectedRevision?: number }
  /** Replaces `status` alone; `generation` stays. Fails with `not-found` and `conflict`. */
  | StatusChange
  /** Fails with `not-found` and `conflict`. */
  | { readonly type: "delete"; readonly key: ObjectKey; readonly expectedRevision?: number };

export type StatusChange<K extends KindName = KindName> = {
  readonly [N in K]: {
    readonly type: "status";
    readonly key: ObjectKey<N>;
    readonly status: StatusOf<N>;
    readonly expectedRevision?: number;
  };
}[K];

export interface ChangeResult {
  /** `unchanged`: the object already was so; it keeps its revision and no event is sent. */
  readonly outcome: "created" | "updated" | "unchanged" | "deleted";
  /** As it now is; as it last was, after a delete. */
  readonly object: AnyObject;
}

export interface ApplyResult {
  /** The revision of the transaction; the store's when all was unchanged. */
  readonly revision: number;
  /** One per change, in their order. */
  readonly results: readonly ChangeResult[];
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string;
}

export interface ObjectList<O extends AnyObject = AnyObject> {
  /** In the order of kind, namespace, name (by code unit). */
  readonly objects: readonly O[];
  /** The state that the list shows: watch from here to miss nothing. */
  readonly revision: number;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  /** After a put: the object. After a delete: its last state, with the delete's resourceVersion. */
  readonly object: AnyObject;
  readonly revision: number;
}

export interface WatchOptions {
  /** Events of later revisions are delivered. At least 0. */
  readonly fromRevision: number;
  /** All kinds when absent. */
  readonly kinds?: readonly KindName[];
  readonly namespace?: string;
  /** Ends the watch: the iteration is done, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * Yields once per revision, in order, all its events that pass the filter, so that a transaction
 * is never seen by halves. A watch reads the store's change log at its own pace and queues nothing:
 * one that falls behind further than the log reaches throws `compacted`. Closing the store ends it.
 */
export type Watch = AsyncIterableIterator<readonly WatchEvent[], undefined>;

export interface Store {
  /** The revision of the last transaction; 0 when there was none. */
  revision(): number;
  /** The lowest revision that `watch` accepts. */
  compactedRevision(): number;
  /** Undefined when there is none. `namespace` is empty for cluster-scoped kinds. */
  get<K extends KindName>(
    kind: K,
    namespace: string,
    name: string,
  ): Promise<ObjectOf<K> | undefined>;
  /** All objects, of one kind when named. */
  list(): Promise<ObjectList>;
  list<K extends KindName>(kind: K, options?: ListOptions): Promise<ObjectList<ObjectOf<K>>>;
  /** Returns what was stored, with uid, generation and revision. */
  create<O extends AnyObject>(object: O): Promise<O>;
  update<O extends AnyObject>(object: O, expectedRevision: number): Promise<O>;
  updateStatus<K extends KindName>(
    key: ObjectKey<K>,
    status: StatusOf<K>,
    expectedRevision?: number,
  ): Promise<ObjectOf<K>>;
  /** Returns the last state, with the revision of the delete. */
  delete<K extends KindName>(key: ObjectKey<K>, expectedRevision?: number): Promise<ObjectOf<K>>;
  /**
   * All changes or none, in one revision, durable when the promise resolves. With `dryRun`
   * everything is judged and answered, with the revision that it would have had, and nothing written.
   */
  apply(changes: readonly Change[], options?: { readonly dryRun?: boolean }): Promise<ApplyResult>;
  /** Throws `compacted` from the first `next()` when `fromRevision` can't be served. */
  watch(options: WatchOptions): Watch;
  /** Ends all watches. Safe to call twice. */
  close(): Promise<void>;
}

/** The revision that last wrote a stored object; 0 for one that no store has seen. */
export function revisionOf(object: AnyObject): number {
  return Number(object.metadata.resourceVersion ?? 0);
}
