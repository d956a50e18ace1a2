/**
 * The file of the telemetry store: opened, checked and brought to its schema. What cannot be read is set aside and begun
 * anew: figures of a day are never worth a control plane that does not start.
 */
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
// biome-ignore lint/correctness/noUnresolvedImports: Biome's list of Node's modules lacks it.
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../../core/errors.ts";

/** "TulT" in ASCII: tells it from the mesh's store and from other SQLite files. */
const APPLICATION_ID = 0x54756c54;
const SCHEMA_VERSION = 1;
const BUSY_TIMEOUT_MS = 1000;
/** Pages of 4 KiB before the log is brought into the file: 4 MiB. */
const CHECKPOINT_PAGES = 1000;
/** Of the cache, in KiB. */
const CACHE_KIB = 8192;

const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  CREATE TABLE series (id INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
  CREATE TABLE chunks (
    tier INTEGER NOT NULL, start_ms INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (tier, start_ms)
  ) STRICT;
  CREATE TABLE counters (instance TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE exemplars (
    time_ms INTEGER NOT NULL, latency_ms REAL NOT NULL, trace_id TEXT NOT NULL,
    reporter TEXT NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, version TEXT NOT NULL
  ) STRICT;
  CREATE INDEX exemplars_by_time ON exemplars (time_ms);
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL,
    status INTEGER NOT NULL, is_error INTEGER NOT NULL, flags TEXT NOT NULL, duration_ms REAL NOT NULL,
    trace_id TEXT, request_id TEXT, reporter TEXT NOT NULL, route TEXT, cluster TEXT, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX logs_by_time ON logs (time_ms);
  CREATE INDEX logs_by_destination ON logs (destination, time_ms);
  CREATE INDEX logs_by_trace ON logs (trace_id) WHERE trace_id IS NOT NULL;
  CREATE INDEX logs_of_errors ON logs (time_ms) WHERE is_error = 1;
  CREATE TABLE spans (
    id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, time_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX spans_by_trace ON spans (trace_id);
  CREATE INDEX spans_by_time ON spans (time_ms);
  CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY, start_ms REAL NOT NULL, end_ms REAL NOT NULL, spans INTEGER NOT NULL,
    is_error INTEGER NOT NULL, root_service TEXT NOT NULL, root_name TEXT NOT NULL,
    root_start_ms REAL NOT NULL, services TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX traces_by_time ON traces (start_ms);
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_time ON events (time_ms);
`;

export interface TelemetryFile {
  readonly database: DatabaseSync;
  /** Where a file was put that could not be read, and why. */
  readonly setAside: { readonly path: string; readonly reason: string } | undefined;
}

/** Throws only when a new file cannot be made either. */
export function openTelemetryFile(path: string, nowMs: number): TelemetryFile {
  try {
    return { database: open(path, nowMs), setAside: undefined };
  } catch (error) {
    if (!existsSync(path)) throw error;
    const aside = `${path}.damaged-${nowMs}`;
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    return {
      database: open(path, nowMs),
      setAside: { path: aside, reason: messageOf(error) },
    };
  }
}

function open(path: string, nowMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    prepare(database, nowMs);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync, nowMs: number): void {
  const version = pragma(database, "user_version");
  if (version === 0) {
    // Only a file without pages can be told how it is to shrink.
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  } else if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new Error("the file belongs to another program");
  }
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
  `);
  if (version > SCHEMA_VERSION) throw new Error(`a later version wrote it (schema ${version})`);
  const [check] = Object.values(database.prepare("PRAGMA quick_check(1)").get() ?? {});
  if (check !== "ok") throw new Error(`it is damaged: ${String(check)}`);
  if (version !== 0) return;
  database.exec(`
    BEGIN;
    ${SCHEMA}
    INSERT INTO meta VALUES ('created_ms', ${Math.trunc(nowMs)});
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `);
}

export function pragma(database: DatabaseSync, name: string): number {
  const [value] = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {});
  return Number(value ?? 0);
}

/** The file with its log, in bytes. */
export function fileSizeBytes(path: string): number {
  let size = 0;
  for (const suffix of ["", "-wal"]) {
    if (existsSync(path + suffix)) size += statSync(path + suffix).size;
  }
  return size;
}

/** For tests and for what is left of an earlier run. */
export function removeTelemetryFile(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}
