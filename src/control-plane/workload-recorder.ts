/**
 * Writes the registry's instances to the store, so that a restarted control plane knows them. It follows the
 * registry, never the other way round: a write that fails is tried again and takes nobody out of traffic.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { hasCode, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ObjectOf } from "../resource/kind-map.ts";
import { keyOf, type ObjectKey } from "../resource/object.ts";
import type { Change, Store } from "../store/store.ts";
import type { Instance } from "./instance.ts";
import { workloadFromInstance } from "./workload-object.ts";

const RETRY_MS = 1000;
/** Instances of one transaction: it holds the event loop for some milliseconds. */
const BATCH_MAX = 500;

export interface WorkloadRecorderOptions {
  readonly store: Store;
  /** The instance as it is when the write is made; undefined deletes the Workload. */
  readonly instanceOf: (key: string) => Instance | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class WorkloadRecorder {
  readonly #options: WorkloadRecorderOptions;
  /** Keys of instances whose Workload may have to be written. */
  readonly #dirty = new Set<string>();
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;
  #isStopped = false;

  constructor(options: WorkloadRecorderOptions) {
    this.#options = options;
  }

  /** The instance `namespace/name` has changed. */
  record(key: string): void {
    if (this.#isStopped) return;
    this.#dirty.add(key);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when what was recorded before is written, or failed. Records nothing afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // All changes of this turn go into one transaction.
    await Promise.resolve();
    while (this.#dirty.size > 0) {
      const keys = [...this.#dirty].slice(0, BATCH_MAX);
      for (const key of keys) this.#dirty.delete(key);
      try {
        await this.#write(keys);
      } catch (error) {
        this.#options.log.error("instances cannot be written to the store", {
          error: messageOf(error),
          instances: keys.length,
        });
        for (const key of keys) this.#dirty.add(key);
        if (!this.#isStopped) this.#retryLater();
        return;
      }
    }
    this.#writing = undefined;
  }

  #retryLater(): void {
    this.#retry = this.#options.clock.schedule(RETRY_MS, () => {
      this.#writing = this.#writeAll();
    });
  }

  async #write(keys: readonly string[]): Promise<void> {
    const { store, instanceOf } = this.#options;
    const workloads: ObjectOf<"Workload">[] = [];
    for (const key of keys) {
      const instance = instanceOf(key);
      if (instance === undefined) await this.#delete(workloadKey(key));
      else workloads.push(workloadFromInstance(instance));
    }
    const changes = workloads.flatMap((object): readonly Change[] => [
      { type: "put", object },
      { type: "status", key: keyOf(object), status: object.status ?? {} },
    ]);
    if (changes.length > 0) await store.apply(changes);
  }

  async #delete(key: ObjectKey<"Workload">): Promise<void> {
    try {
      await this.#options.store.delete(key);
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
    }
  }
}

/** `namespace/name`; neither part holds a slash. */
function workloadKey(key: string): ObjectKey<"Workload"> {
  const [namespace = "", name = ""] = key.split("/");
  return { kind: "Workload", namespace, name };
}
