/** Keeps everything in memory, as JSON texts: what is handed out is a copy, as from a real database. */
import { assert } from "../core/assert.ts";
import type { AnyObject, KindName } from "../resource/kind-map.ts";
import type { ObjectKey } from "../resource/object.ts";
import type { Engine, LogRecord, Write } from "./engine.ts";

interface Row {
  readonly key: ObjectKey<KindName>;
  readonly body: string;
}

interface State {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly rows: ReadonlyMap<string, Row>;
  readonly log: readonly LogRecord[];
}

export class MemoryEngine implements Engine {
  readonly #logEventsMax: number;
  #state: State = { revision: 0, compactedRevision: 0, rows: new Map(), log: [] };
  #saved: State | undefined;

  constructor(options: { readonly logEventsMax: number }) {
    this.#logEventsMax = options.logEventsMax;
  }

  get revision(): number {
    return this.#state.revision;
  }

  get compactedRevision(): number {
    return this.#state.compactedRevision;
  }

  read(key: ObjectKey): AnyObject | undefined {
    const row = this.#state.rows.get(rowName(key));
    return row === undefined ? undefined : parse(row.body);
  }

  scan(kind?: KindName, namespace?: string): readonly AnyObject[] {
    return [...this.#state.rows.values()]
      .filter(({ key }) => kind === undefined || key.kind === kind)
      .filter(({ key }) => namespace === undefined || key.namespace === namespace)
      .sort((a, b) => compareKeys(a.key, b.key))
      .map(({ body }) => parse(body));
  }

  nextRecord(revision: number): LogRecord | undefined {
    return this.#state.log.find((record) => record.revision > revision);
  }

  begin(): void {
    assert(this.#saved === undefined, "transactions do not nest");
    this.#saved = this.#state;
  }

  write(revision: number, writes: readonly Write[]): void {
    assert(this.#saved !== undefined, "writes happen within a transaction");
    assert(revision === this.revision + 1, "revisions rise by one");
    const rows = new Map(this.#state.rows);
    const entries = writes.map(({ type, key, object }) => {
      const body = JSON.stringify(object);
      if (type === "put") rows.set(rowName(key), { key, body });
      else rows.delete(rowName(key));
      const { kind, namespace } = key;
      return { type, kind, namespace, readObject: () => parse(body) };
    });
    const { log, compactedRevision } = compact(
      [...this.#state.log, { revision, entries }],
      this.#logEventsMax,
    );
    this.#state = {
      revision,
      rows,
      log,
      compactedRevision: Math.max(compactedRevision, this.compactedRevision),
    };
  }

  commit(): void {
    this.#saved = undefined;
  }

  rollback(): void {
    if (this.#saved !== undefined) this.#state = this.#saved;
    this.#saved = undefined;
  }

  close(): void {
    this.#saved = undefined;
  }
}

/** Drops whole records from the front until the rest is within the bound; the newest stays. */
function compact(
  log: readonly LogRecord[],
  eventsMax: number,
): { readonly log: readonly LogRecord[]; readonly compactedRevision: number } {
  let events = log.reduce((sum, record) => sum + record.entries.length, 0);
  let dropped = 0;
  while (events > eventsMax && dropped < log.length - 1) {
    events -= log[dropped]?.entries.length ?? 0;
    dropped += 1;
  }
  return { log: log.slice(dropped), compactedRevision: log[dropped - 1]?.revision ?? 0 };
}

function rowName(key: ObjectKey): string {
  return JSON.stringify([key.kind, key.namespace, key.name]);
}

function compareKeys(a: ObjectKey, b: ObjectKey): number {
  for (const field of ["kind", "namespace", "name"] as const) {
    if (a[field] !== b[field]) return a[field] < b[field] ? -1 : 1;
  }
  return 0;
}

function parse(body: string): AnyObject {
  return JSON.parse(body) as AnyObject;
}
