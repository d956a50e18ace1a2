/**
 * A Store on an engine in this process. Calls of `apply` that are made in the same turn of the event
 * loop share one commit, so that a mesh whose sidecars all come back at once costs one flush of the
 * disk and not a thousand; each keeps a transaction and a revision of its own.
 */
import { randomUUID } from "node:crypto";
import { assert } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { MeshError } from "../core/errors.ts";
import type { AnyObject, KindName, ObjectOf, StatusOf } from "../resource/kind-map.ts";
import type { ObjectKey } from "../resource/object.ts";
import type { Registry } from "../resource/registry.ts";
import type { Engine } from "./engine.ts";
import type { StoreErrorDetail } from "./errors.ts";
import { WATCHES_MAX } from "./limits.ts";
import { LogWatch } from "./log-watch.ts";
import { checkChanges, checkWatch } from "./request-check.ts";
import type {
  ApplyResult,
  Change,
  ListOptions,
  ObjectList,
  StatusChange,
  Store,
  Watch,
  WatchOptions,
} from "./store.ts";
import { planTransaction } from "./transaction.ts";

export interface StoreDependencies {
  readonly clock: Clock;
  readonly registry: Registry;
  /** Default: random UUIDs. */
  readonly newUid?: () => string;
}

interface PendingApply {
  readonly changes: readonly Change[];
  readonly isDryRun: boolean;
  readonly resolve: (result: ApplyResult) => void;
  readonly reject: (error: unknown) => void;
}

export class LocalStore implements Store {
  readonly #engine: Engine;
  readonly #dependencies: Required<StoreDependencies>;
  readonly #watches = new Set<LogWatch>();
  #pending: PendingApply[] = [];
  #isClosed = false;

  constructor(engine: Engine, dependencies: StoreDependencies) {
    this.#engine = engine;
    this.#dependencies = { newUid: randomUUID, ...dependencies };
  }

  revision(): number {
    return this.#engine.revision;
  }

  compactedRevision(): number {
    return this.#engine.compactedRevision;
  }

  async get<K extends KindName>(
    kind: K,
    namespace: string,
    name: string,
  ): Promise<ObjectOf<K> | undefined> {
    this.#assertOpen();
    return this.#engine.read({ kind, namespace, name }) as ObjectOf<K> | undefined;
  }

  list(): Promise<ObjectList>;
  list<K extends KindName>(kind: K, options?: ListOptions): Promise<ObjectList<ObjectOf<K>>>;
  async list(kind?: KindName, options: ListOptions = {}): Promise<ObjectList> {
    this.#assertOpen();
    const objects = this.#engine.scan(kind, options.namespace);
    return { objects, revision: this.#engine.revision };
  }

  async create<O extends AnyObject>(object: O): Promise<O> {
    return (await this.#applyOne({ type: "create", object })) as O;
  }

  async update<O extends AnyObject>(object: O, expectedRevision: number): Promise<O> {
    return (await this.#applyOne({ type: "update", object, expectedRevision })) as O;
  }

  async updateStatus<K extends KindName>(
    key: ObjectKey<K>,
    status: StatusOf<K>,
    expectedRevision?: number,
  ): Promise<ObjectOf<K>> {
    const expected = expectedRevision === undefined ? {} : { expectedRevision };
    const change = { type: "status", key, status, ...expected } as unknown as StatusChange;
    return (await this.#applyOne(change)) as ObjectOf<K>;
  }

  async delete<K extends KindName>(
    key: ObjectKey<K>,
    expectedRevision?: number,
  ): Promise<ObjectOf<K>> {
    const expected = expectedRevision === undefined ? {} : { expectedRevision };
    return (await this.#applyOne({ type: "delete", key, ...expected })) as ObjectOf<K>;
  }

  async apply(
    changes: readonly Change[],
    options: { readonly dryRun?: boolean } = {},
  ): Promise<ApplyResult> {
    this.#assertOpen();
    const checked = checkChanges(changes, this.#dependencies.registry);
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      const isDryRun = options.dryRun ?? false;
      this.#pending.push({ changes: checked, isDryRun, resolve, reject });
    });
  }

  watch(options: WatchOptions): Watch {
    this.#assertOpen();
    checkWatch(options);
    assert(this.#watches.size < WATCHES_MAX, `at most ${WATCHES_MAX} watches are open`);
    const watch = new LogWatch(options, this.#engine, (ended) => this.#watches.delete(ended));
    if (options.signal?.aborted !== true) this.#watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    for (const watch of [...this.#watches]) watch.end();
    this.#engine.close();
  }

  async #applyOne(change: Change): Promise<AnyObject> {
    const { results } = await this.apply([change]);
    const [result] = results;
    assert(result !== undefined, "a change has a result");
    return result.object;
  }

  /** Plans and writes every pending transaction in one commit, then answers all of them. */
  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length === 0) return;
    const answers: (() => void)[] = [];
    try {
      this.#engine.begin();
      for (const apply of pending) answers.push(this.#transact(apply));
      this.#engine.commit();
    } catch (error) {
      this.#engine.rollback();
      for (const { reject } of pending) reject(error);
      return;
    }
    for (const answer of answers) answer();
    for (const watch of [...this.#watches]) watch.wake();
  }

  /** Writes one transaction; what is returned tells its caller once the commit is durable. */
  #transact(apply: PendingApply): () => void {
    const engine = this.#engine;
    const { clock, newUid } = this.#dependencies;
    let plan: ReturnType<typeof planTransaction>;
    try {
      plan = planTransaction(apply.changes, {
        nextRevision: engine.revision + 1,
        now: new Date(clock.nowMs()).toISOString(),
        newUid,
        read: (key) => engine.read(key),
      });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return () => apply.reject(error);
    }
    const { result, writes } = plan;
    if (!apply.isDryRun && writes.length > 0) engine.write(result.revision, writes);
    return () => apply.resolve(result);
  }

  #assertOpen(): void {
    if (!this.#isClosed) return;
    throw new MeshError<StoreErrorDetail>({ code: "closed" }, "the store is closed");
  }
}

/** Whether the transaction was judged and refused, so that others can go on. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof MeshError)) return false;
  return ["not-found", "already-exists", "conflict", "invalid"].includes(error.detail.code);
}
