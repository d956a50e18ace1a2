/** Opens the file of an SQLite store: takes its lock, checks that it's sound, and migrates its schema. */
import { closeSync, openSync } from "node:fs";
// biome-ignore lint/correctness/noUnresolvedImports: Biome's list of Node's modules lacks it.
import { DatabaseSync } from "node:sqlite";
import { MeshError, messageOf } from "../core/errors.ts";
import type { StoreErrorDetail } from "./errors.ts";

/** "Tull" in ASCII: tells our files from other SQLite files (`PRAGMA application_id`). */
const APPLICATION_ID = 0x54756c6c;
/** Another reader may hold SQLite up; longer than this would stop the whole control plane. */
const BUSY_TIMEOUT_MS = 1000;
const INTEGRITY_FINDINGS_MAX = 20;
/** https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * Each takes the schema one version on; `PRAGMA user_version` counts them. Never change one that was
 * released. A release that adds a default to a kind's spec adds one that fills it in.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE state (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     revision INTEGER NOT NULL,
     compacted_revision INTEGER NOT NULL
   ) STRICT;
   INSERT INTO state VALUES (1, 0, 0);
   CREATE TABLE objects (
     kind TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     revision INTEGER NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (kind, namespace, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE log (
     revision INTEGER NOT NULL,
     position INTEGER NOT NULL,
     type TEXT NOT NULL CHECK (type IN ('put', 'delete')),
     kind TEXT NOT NULL,
     namespace TEXT NOT NULL,
     name TEXT NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (revision, position)
   ) STRICT, WITHOUT ROWID;`,
];

export type SqliteDatabase = DatabaseSync;

export interface SqliteFile {
  readonly database: SqliteDatabase;
  /** Closes the database and gives the lock back. */
  close(): void;
}

/** Throws `in-use`, `newer-version`, `damaged` or `unavailable`. */
export function openSqliteFile(file: string): SqliteFile {
  const lock = takeLock(file);
  let database: DatabaseSync | undefined;
  try {
    createPrivately(file);
    database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    prepare(database, file);
  } catch (error) {
    database?.close();
    lock.close();
    throw openFailure(error, file);
  }
  const opened = database;
  return {
    database: opened,
    close() {
      opened.close();
      lock.close();
    },
  };
}

/** What an error of SQLite means to the store's caller, once the file is open. */
export function sqliteFailure(error: unknown): MeshError<StoreErrorDetail> {
  return new MeshError({ code: "unavailable" }, `the store failed: ${messageOf(error)}`, error);
}

/**
 * An open transaction on a second, empty database: SQLite's locks end with the process, however it
 * ends, and the store's own file stays readable for `sqlite3` and backups.
 */
function takeLock(file: string): DatabaseSync {
  const lockFile = `${file}.lock`;
  let lock: DatabaseSync | undefined;
  try {
    createPrivately(lockFile);
    lock = new DatabaseSync(lockFile, { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (resultCode(error) !== SQLITE_BUSY) throw openFailure(error, file);
    throw new MeshError<StoreErrorDetail>(
      { code: "in-use", file },
      `the store ${file} is in use by another process`,
      error,
    );
  }
}

/** SQLite gives the files that it puts beside this one the same permissions. */
function createPrivately(file: string): void {
  closeSync(openSync(file, "a", 0o600));
}

function prepare(database: DatabaseSync, file: string): void {
  database.enableDefensive(true);
  // With a write-ahead log, FULL flushes the log at each commit: durable on return.
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;",
  );
  checkIntegrity(database, file);
  const version = readPragma(database, "user_version");
  const applicationId = readPragma(database, "application_id");
  const { count } = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get() ?? {};
  if (applicationId !== APPLICATION_ID && (version !== 0 || count !== 0)) {
    throw damaged(file, ["it is an SQLite database, but not a store of Tulle"]);
  }
  if (version > MIGRATIONS.length) {
    const supportedVersion = MIGRATIONS.length;
    throw new MeshError<StoreErrorDetail>(
      { code: "newer-version", file, fileVersion: version, supportedVersion },
      `the store ${file} has schema version ${version}, of a newer release; this one knows ${supportedVersion}`,
    );
  }
  migrate(database, version);
}

function migrate(database: DatabaseSync, version: number): void {
  if (version === MIGRATIONS.length) return;
  database.exec("BEGIN IMMEDIATE");
  for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
  database.exec(
    `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT;`,
  );
}

function checkIntegrity(database: DatabaseSync, file: string): void {
  const rows = database.prepare(`PRAGMA integrity_check(${INTEGRITY_FINDINGS_MAX})`).all();
  const findings = rows.map((row) => String(row["integrity_check"]));
  if (findings.length === 1 && findings[0] === "ok") return;
  throw damaged(file, findings);
}

function readPragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function damaged(file: string, findings: readonly string[]): MeshError<StoreErrorDetail> {
  return new MeshError(
    { code: "damaged", file, findings },
    `the store ${file} is damaged: ${findings.join("; ")}`,
  );
}

function openFailure(error: unknown, file: string): MeshError<StoreErrorDetail> {
  if (error instanceof MeshError) return error as MeshError<StoreErrorDetail>;
  const code = resultCode(error);
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return damaged(file, [messageOf(error)]);
  return new MeshError(
    { code: "unavailable" },
    `the store ${file} cannot be opened: ${messageOf(error)}`,
    error,
  );
}

/** The primary result code of an error of `node:sqlite`. */
function resultCode(error: unknown): number | undefined {
  const extended = (error as { readonly errcode?: unknown } | null)?.errcode;
  return typeof extended === "number" ? extended & 0xff : undefined;
}
