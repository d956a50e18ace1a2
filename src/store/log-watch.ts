/** A watch as a position in the change log: it reads when its consumer asks, and queues nothing. */
import { MeshError } from "../core/errors.ts";
import type { Engine, LogEntry } from "./engine.ts";
import type { StoreErrorDetail } from "./errors.ts";
import type { Watch, WatchEvent, WatchOptions } from "./store.ts";

type Result = IteratorResult<readonly WatchEvent[], undefined>;

const DONE: Result = { done: true, value: undefined };

export class LogWatch implements Watch {
  readonly #engine: Engine;
  readonly #options: WatchOptions;
  readonly #onEnd: (watch: LogWatch) => void;
  /** Everything up to here was delivered or doesn't pass the filter. */
  #position: number;
  #state: "open" | "ended" = "open";
  /** Calls of `next` that found nothing yet, oldest first. */
  readonly #waiting: {
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];

  constructor(options: WatchOptions, engine: Engine, onEnd: (watch: LogWatch) => void) {
    this.#engine = engine;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#position = options.fromRevision;
    if (options.signal?.aborted) this.end();
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.wake();
    });
  }

  return(): Promise<Result> {
    this.end();
    return Promise.resolve(DONE);
  }

  /** The log has grown: serves waiting calls. */
  wake(): void {
    while (this.#waiting.length > 0 && this.#state === "open") {
      let events: readonly WatchEvent[] | undefined;
      try {
        events = this.#read();
      } catch (error) {
        this.#waiting.shift()?.reject(error);
        this.end();
        return;
      }
      if (events === undefined) return;
      this.#waiting.shift()?.resolve({ done: false, value: events });
    }
    if (this.#state === "ended") this.#finishWaiting();
  }

  /** Ends the iteration without an error. Safe to call twice. */
  end(): void {
    if (this.#state === "open") {
      this.#state = "ended";
      this.#options.signal?.removeEventListener("abort", this.#onAbort);
      this.#onEnd(this);
    }
    this.#finishWaiting();
  }

  readonly #onAbort = (): void => this.end();

  #finishWaiting(): void {
    for (const call of this.#waiting.splice(0)) call.resolve(DONE);
  }

  /** The next revision's events that pass the filter; undefined when the log holds no more. */
  #read(): readonly WatchEvent[] | undefined {
    const { revision, compactedRevision } = this.#engine;
    if (this.#position < compactedRevision || this.#position > revision) {
      throw compacted(this.#position, compactedRevision, revision);
    }
    for (;;) {
      const record = this.#engine.nextRecord(this.#position);
      if (record === undefined) return undefined;
      this.#position = record.revision;
      const passing = record.entries.filter((entry) => this.#passes(entry));
      if (passing.length === 0) continue;
      return passing.map(({ type, readObject }) => ({
        type,
        object: readObject(),
        revision: record.revision,
      }));
    }
  }

  #passes(entry: LogEntry): boolean {
    const { kinds, namespace } = this.#options;
    if (kinds !== undefined && !kinds.includes(entry.kind)) return false;
    return namespace === undefined || entry.namespace === namespace;
  }
}

function compacted(
  fromRevision: number,
  compactedRevision: number,
  revision: number,
): MeshError<StoreErrorDetail> {
  return new MeshError(
    { code: "compacted", fromRevision, compactedRevision, revision },
    `cannot watch from revision ${fromRevision}: the change log holds ${compactedRevision} to ${revision}`,
  );
}
