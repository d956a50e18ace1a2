/** The default store: one SQLite file. Opening blocks the process while SQLite checks the file. */
import { LOG_EVENTS_DEFAULT } from "./limits.ts";
import { LocalStore, type StoreDependencies } from "./local-store.ts";
import { SqliteEngine } from "./sqlite-engine.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import type { Store } from "./store.ts";

export interface SqliteStoreOptions extends StoreDependencies {
  /** Created, readable by its owner only, when absent. Its folder must exist. */
  readonly file: string;
  /** Events that the change log keeps. Default 10,000. */
  readonly logEventsMax?: number;
}

/** Throws `in-use`, `newer-version`, `damaged` or `unavailable`. */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const { file, logEventsMax = LOG_EVENTS_DEFAULT, ...dependencies } = options;
  const engine = new SqliteEngine(openSqliteFile(file), { logEventsMax });
  return new LocalStore(engine, dependencies);
}
