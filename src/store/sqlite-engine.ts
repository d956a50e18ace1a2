/** Keeps objects and change log in SQLite. Each statement is prepared once. */
import { assert } from "../core/assert.ts";
import type { AnyObject, KindName } from "../resource/kind-map.ts";
import type { ObjectKey } from "../resource/object.ts";
import type { Engine, LogRecord, Write } from "./engine.ts";
import { type SqliteDatabase, type SqliteFile, sqliteFailure } from "./sqlite-file.ts";

interface Position {
  readonly revision: number;
  readonly compactedRevision: number;
  /** Rows of the log. */
  readonly logEvents: number;
}

export class SqliteEngine implements Engine {
  readonly #file: SqliteFile;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #logEventsMax: number;
  #position: Position;
  #saved: Position | undefined;

  constructor(file: SqliteFile, options: { readonly logEventsMax: number }) {
    this.#file = file;
    this.#database = file.database;
    this.#statements = prepareStatements(file.database);
    this.#logEventsMax = options.logEventsMax;
    this.#position = readPosition(file.database);
  }

  get revision(): number {
    return this.#position.revision;
  }

  get compactedRevision(): number {
    return this.#position.compactedRevision;
  }

  read(key: ObjectKey): AnyObject | undefined {
    const row = guard(() => this.#statements.read.get(key.kind, key.namespace, key.name));
    return row === undefined ? undefined : parse(row["body"]);
  }

  scan(kind?: KindName, namespace?: string): readonly AnyObject[] {
    const { scanAll, scanKind, scanNamespace } = this.#statements;
    const rows = guard(() => {
      if (kind === undefined) return scanAll.all();
      return namespace === undefined ? scanKind.all(kind) : scanNamespace.all(kind, namespace);
    });
    const objects = rows.map((row) => parse(row["body"]));
    if (kind !== undefined || namespace === undefined) return objects;
    return objects.filter((object) => object.metadata.namespace === namespace);
  }

  nextRecord(revision: number): LogRecord | undefined {
    const rows = guard(() => this.#statements.nextRecord.all(revision));
    const [first] = rows;
    if (first === undefined) return undefined;
    const entries = rows.map((row) => ({
      type: row["type"] as "put" | "delete",
      kind: row["kind"] as KindName,
      namespace: String(row["namespace"]),
      readObject: () => parse(row["body"]),
    }));
    return { revision: Number(first["revision"]), entries };
  }

  begin(): void {
    assert(this.#saved === undefined, "transactions do not nest");
    this.#saved = this.#position;
    guard(() => this.#database.exec("BEGIN IMMEDIATE"));
  }

  write(revision: number, writes: readonly Write[]): void {
    assert(this.#saved !== undefined, "writes happen within a transaction");
    assert(revision === this.revision + 1, "revisions rise by one");
    const { put, remove, log, setPosition } = this.#statements;
    guard(() => {
      for (const [position, { type, key, object }] of writes.entries()) {
        const { kind, namespace, name } = key;
        const body = JSON.stringify(object);
        if (type === "put") put.run(kind, namespace, name, revision, body);
        else remove.run(kind, namespace, name);
        log.run(revision, position, type, kind, namespace, name, body);
      }
      const logEvents = this.#position.logEvents + writes.length;
      this.#position = this.#compact({ ...this.#position, revision, logEvents });
      setPosition.run(revision, this.#position.compactedRevision);
    });
  }

  commit(): void {
    guard(() => this.#database.exec("COMMIT"));
    this.#saved = undefined;
  }

  rollback(): void {
    if (this.#saved === undefined) return;
    this.#position = this.#saved;
    this.#saved = undefined;
    // SQLite has rolled back by itself upon some errors, such as a full disk.
    if (this.#database.isTransaction) guard(() => this.#database.exec("ROLLBACK"));
  }

  close(): void {
    this.#file.close();
  }

  /** Drops whole records, oldest first, until the rest is within the bound; the newest stays. */
  #compact(position: Position): Position {
    let { compactedRevision, logEvents } = position;
    while (logEvents > this.#logEventsMax) {
      const oldest = this.#statements.nextRecord.get(compactedRevision)?.["revision"];
      if (typeof oldest !== "number" || oldest === position.revision) break;
      logEvents -= Number(this.#statements.dropRecord.run(oldest).changes);
      compactedRevision = oldest;
    }
    return { ...position, compactedRevision, logEvents };
  }
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: SqliteDatabase) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    read: prepare("SELECT body FROM objects WHERE kind = ? AND namespace = ? AND name = ?"),
    scanAll: prepare("SELECT body FROM objects ORDER BY kind, namespace, name"),
    scanKind: prepare("SELECT body FROM objects WHERE kind = ? ORDER BY namespace, name"),
    scanNamespace: prepare(
      "SELECT body FROM objects WHERE kind = ? AND namespace = ? ORDER BY name",
    ),
    put: prepare("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)"),
    remove: prepare("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?"),
    log: prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"),
    nextRecord: prepare(
      `SELECT revision, type, kind, namespace, body FROM log
       WHERE revision = (SELECT min(revision) FROM log WHERE revision > ?) ORDER BY position`,
    ),
    dropRecord: prepare("DELETE FROM log WHERE revision = ?"),
    setPosition: prepare("UPDATE state SET revision = ?, compacted_revision = ? WHERE id = 1"),
  };
}

function readPosition(database: SqliteDatabase): Position {
  const state = database.prepare("SELECT revision, compacted_revision FROM state").get();
  const log = database.prepare("SELECT count(*) AS count FROM log").get();
  return {
    revision: Number(state?.["revision"]),
    compactedRevision: Number(state?.["compacted_revision"]),
    logEvents: Number(log?.["count"]),
  };
}

/** Runs `work` so that all that it throws is a StoreError. */
function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFailure(error);
  }
}

function parse(body: unknown): AnyObject {
  return JSON.parse(String(body)) as AnyObject;
}
