/**
 * The telemetry store itself, on one thread: figures in memory and in the file, records in the file. Everything is bounded
 * in time and in bytes, the oldest goes first. A killed process loses at most what came in the last ten seconds, and of
 * figures not even that, for proxies tell totals.
 */
// biome-ignore lint/correctness/noUnresolvedImports: Biome's list of Node's modules lacks it.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { MeshEvent } from "../../telemetry-types.ts";
import { TELEMETRY_LOGS_MAX, TELEMETRY_SPANS_MAX } from "../limits.ts";
import { CounterMemory } from "./counter-memory.ts";
import { InstanceFiguresTable } from "./instance-figures.ts";
import { RecordTables } from "./record-tables.ts";
import { ResourceIngest } from "./resource-ingest.ts";
import { type Chunk, FINE_KEPT_MS, Rollups, TIER_STEPS_MS, type Tier } from "./rollups.ts";
import { SeriesTable } from "./series-table.ts";
import type {
  ExemplarQuery,
  StoredExemplar,
  StoredLog,
  StoredSpan,
  StoreQuestion,
  StoreQuestions,
  StoreSettings,
  StoreState,
} from "./store-protocol.ts";
import { fileSizeBytes, openTelemetryFile, pragma } from "./telemetry-file.ts";
import { type Teller, type TrafficExemplar, TrafficIngest } from "./traffic-ingest.ts";
import { readTraffic } from "./traffic-read.ts";

/** A counter that began so long before the file is counted whole all the same: control plane and sidecars start together. */
const START_SLACK_MS = 60_000;
/** In the file the tiers of the narrow figures follow those of the others. */
const NARROW_TIERS = 3;
/** When so much of the bound is used, the oldest goes. */
const FULL_SHARE = 0.9;
/** Each time it goes by a tenth of the time that is kept. */
const PRUNE_SHARE = 10;
const PRUNE_ROUNDS_MAX = 20;
/** Exemplars between two flushes: a view shows some hundred. */
const EXEMPLARS_PER_FLUSH_MAX = 2000;
const VACUUM_PAGES = 2000;

export class TelemetryEngine {
  readonly #settings: StoreSettings;
  readonly #database: DatabaseSync;
  readonly #records: RecordTables;
  readonly #series = new SeriesTable();
  readonly #memory = new CounterMemory();
  readonly #instances = new InstanceFiguresTable();
  readonly #rollups: Rollups;
  readonly #narrow: Rollups;
  readonly #ingest: TrafficIngest;
  readonly #resources: ResourceIngest;
  readonly #selectChunks: StatementSync;
  readonly #putChunk: StatementSync;
  readonly #putCounters: StatementSync;
  #exemplars: TrafficExemplar[] = [];
  #isInTransaction = false;
  #nowMs: number;
  /** Where a file was put that could not be read. */
  readonly setAside: { readonly path: string; readonly reason: string } | undefined;

  constructor(settings: StoreSettings, nowMs: number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
    const { database, setAside } = openTelemetryFile(settings.path, nowMs);
    this.#database = database;
    this.setAside = setAside;
    this.#records = new RecordTables(database);
    this.#selectChunks = database.prepare(
      "SELECT start_ms, bytes FROM chunks WHERE tier = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
    );
    this.#putChunk = database.prepare("INSERT OR REPLACE INTO chunks VALUES (?,?,?)");
    this.#putCounters = database.prepare("INSERT OR REPLACE INTO counters VALUES (?,?)");
    this.#rollups = new Rollups((tier, from, to) => this.#chunks(0, tier, from, to), nowMs);
    this.#narrow = new Rollups(
      (tier, from, to) => this.#chunks(NARROW_TIERS, tier, from, to),
      nowMs,
    );
    this.#restore(nowMs);
    this.#resources = new ResourceIngest({ series: this.#series, rollups: this.#narrow });
    this.#ingest = new TrafficIngest({
      memory: this.#memory,
      series: this.#series,
      rollups: this.#rollups,
      narrow: this.#narrow,
      wantsFigure: (family) => this.#instances.wants(family),
      onFigure: (teller, point, bytes) => {
        this.#instances.add(teller, point, bytes, this.#nowMs);
        this.#resources.add(teller, point, this.#nowMs);
      },
      onExemplar: (exemplar) => {
        if (this.#exemplars.length < EXEMPLARS_PER_FLUSH_MAX) this.#exemplars.push(exemplar);
      },
      sinceMs: this.#meta("created_ms") - START_SLACK_MS,
    });
  }

  /** Since when figures are kept, milliseconds. */
  get knownFromMs(): number {
    return this.#meta("created_ms");
  }

  /** Throws `MalformedMessage`. */
  addMetrics(bytes: Uint8Array, tellers: readonly Teller[], nowMs: number): void {
    this.#nowMs = nowMs;
    for (const teller of tellers) this.#instances.hear(teller, nowMs);
    this.#ingest.add(bytes, tellers, nowMs);
    for (const teller of tellers) this.#resources.tick(teller, nowMs);
  }

  addLogs(logs: readonly StoredLog[]): void {
    this.#begin();
    this.#records.addLogs(logs);
  }

  addSpans(spans: readonly StoredSpan[]): void {
    this.#begin();
    this.#records.addSpans(spans);
  }

  addEvents(events: readonly MeshEvent[]): void {
    this.#begin();
    this.#records.addEvents(events);
  }

  ask<Q extends StoreQuestion>(
    question: Q,
    query: StoreQuestions[Q]["query"],
    nowMs: number,
  ): StoreQuestions[Q]["answer"] {
    this.#nowMs = nowMs;
    const answers: {
      readonly [K in StoreQuestion]: (
        query: StoreQuestions[K]["query"],
      ) => StoreQuestions[K]["answer"];
    } = {
      traffic: (one) =>
        readTraffic(
          one,
          { rollups: this.#rollups, narrow: this.#narrow, series: this.#series },
          nowMs,
        ),
      instances: ({ sinceMs }) => this.#instances.list(sinceMs),
      logs: (one) => this.#records.logs(one),
      traces: (one) => this.#records.traces(one),
      trace: ({ traceId }) => this.#records.trace(traceId),
      events: (one) => this.#records.events(one),
      errorTraces: ({ fromMs, toMs }) => this.#records.errorTraces(fromMs, toMs),
      exemplars: (one) => this.#readExemplars(one),
      flush: () => this.flush(nowMs),
    };
    return answers[question](query);
  }

  /** Writes what is in memory only, and removes what is too old or too much. */
  flush(nowMs: number): StoreState {
    this.#nowMs = nowMs;
    this.#begin();
    const chunks = this.#rollups.flush(nowMs);
    const narrow = this.#narrow.flush(nowMs);
    const insertSeries = this.#database.prepare("INSERT OR REPLACE INTO series VALUES (?,?)");
    for (const { id, text } of this.#series.takeAdded()) insertSeries.run(id, text);
    for (const { tier, startMs, bytes } of chunks) this.#putChunk.run(tier, startMs, bytes);
    for (const { tier, startMs, bytes } of narrow) {
      this.#putChunk.run(NARROW_TIERS + tier, startMs, bytes);
    }
    for (const { name, bytes } of this.#memory.takeDirty()) this.#putCounters.run(name, bytes);
    this.#writeExemplars();
    this.#prune(nowMs);
    this.commit();
    this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    return {
      sizeBytes: fileSizeBytes(this.#settings.path),
      series: this.#series.size,
      refusedSeries: this.#ingest.refused,
      oldestMs: this.#oldestMs(),
    };
  }

  /** Makes records durable that were added since. */
  commit(): void {
    if (!this.#isInTransaction) return;
    this.#isInTransaction = false;
    this.#database.exec("COMMIT");
  }

  close(nowMs: number): void {
    this.flush(nowMs);
    this.#database.close();
  }

  #begin(): void {
    if (this.#isInTransaction) return;
    this.#database.exec("BEGIN");
    this.#isInTransaction = true;
  }

  #meta(name: string): number {
    const row = this.#database.prepare("SELECT value FROM meta WHERE name = ?").get(name);
    return Number(row?.["value"] ?? this.#nowMs);
  }

  // ---- what was there before ----

  #restore(nowMs: number): void {
    const rows = this.#database.prepare("SELECT id, key FROM series").all() as unknown as readonly {
      readonly id: number;
      readonly key: string;
    }[];
    for (const { id, key } of rows) this.#series.restore(id, key, nowMs);
    const counters = this.#database.prepare("SELECT instance, bytes FROM counters").all();
    for (const { instance, bytes } of counters as unknown as readonly {
      readonly instance: string;
      readonly bytes: Uint8Array;
    }[]) {
      this.#memory.restore(instance, bytes, (id) => this.#series.get(id) !== undefined);
    }
    const keptMs = nowMs - this.#settings.retentionMs;
    for (const [first, rollups] of [
      [0, this.#rollups],
      [NARROW_TIERS, this.#narrow],
    ] as const) {
      const fine = this.#chunks(first, 0, keptMs, Number.MAX_SAFE_INTEGER);
      rollups.restore(fine, [this.#foldedUntil(first, 1), this.#foldedUntil(first, 2)]);
    }
  }

  #foldedUntil(first: number, tier: 1 | 2): number {
    const row = this.#database
      .prepare("SELECT MAX(start_ms) AS last FROM chunks WHERE tier = ?")
      .get(first + tier);
    const last = row?.["last"];
    return typeof last === "number" ? last + TIER_STEPS_MS[tier] : 0;
  }

  #chunks(first: number, tier: Tier, fromMs: number, toMs: number): readonly Chunk[] {
    const rows = this.#selectChunks.all(first + tier, fromMs, toMs) as unknown as readonly {
      readonly start_ms: number;
      readonly bytes: Uint8Array;
    }[];
    return rows.map(({ start_ms: startMs, bytes }) => ({ tier, startMs, bytes }));
  }

  // ---- exemplars ----

  #writeExemplars(): void {
    const insert = this.#database.prepare("INSERT INTO exemplars VALUES (?,?,?,?,?,?,?)");
    for (const { timeMs, latencyMs, traceId, key } of this.#exemplars) {
      insert.run(
        Math.trunc(timeMs),
        latencyMs,
        traceId,
        key.reporter,
        `${key.sourceNamespace}/${key.sourceName}`,
        `${key.destinationNamespace}/${key.destinationName}`,
        key.destinationVersion,
      );
    }
    this.#exemplars = [];
  }

  #readExemplars(query: ExemplarQuery): readonly StoredExemplar[] {
    const conditions = ["time_ms >= ?", "time_ms < ?"];
    const values: (number | string)[] = [query.fromMs, query.toMs];
    for (const column of ["destination", "source", "version", "reporter"] as const) {
      const value = query[column];
      if (value === undefined) continue;
      conditions.push(`${column} = ?`);
      values.push(value);
    }
    const rows = this.#database
      .prepare(
        // Both ends of a call tell of one trace, at its every hop: of each trace the slowest, whose row SQLite takes beside MAX.
        `SELECT time_ms AS timeMs, MAX(latency_ms) AS latencyMs, trace_id AS traceId FROM exemplars
           WHERE ${conditions.join(" AND ")} GROUP BY trace_id ORDER BY timeMs DESC LIMIT ?`,
      )
      .all(...values, query.limit);
    return rows as unknown as readonly StoredExemplar[];
  }

  // ---- bounds ----

  #prune(nowMs: number): void {
    const { retentionMs, sizeBytesMax } = this.#settings;
    for (const tier of [0, NARROW_TIERS]) {
      this.#run(`DELETE FROM chunks WHERE tier = ${tier} AND start_ms < ?`, nowMs - FINE_KEPT_MS);
    }
    this.#deleteBefore(nowMs - retentionMs);
    for (const [table, max] of [
      ["logs", TELEMETRY_LOGS_MAX],
      ["spans", TELEMETRY_SPANS_MAX],
    ] as const) {
      this.#run(`DELETE FROM ${table} WHERE id <= (SELECT MAX(id) FROM ${table}) - ?`, max);
    }
    for (let round = 0; round < PRUNE_ROUNDS_MAX; round++) {
      if (this.#usedBytes() <= sizeBytesMax * FULL_SHARE) break;
      const oldestMs = this.#oldestMs();
      if (oldestMs === null || oldestMs >= nowMs) break;
      this.#deleteBefore(oldestMs + Math.max(1000, (nowMs - oldestMs) / PRUNE_SHARE));
    }
    const unusedMs = nowMs - retentionMs;
    for (const id of this.#series.forgetUnused(unusedMs)) {
      this.#run("DELETE FROM series WHERE id = ?", id);
    }
    for (const name of this.#memory.forget(unusedMs)) {
      this.#run("DELETE FROM counters WHERE instance = ?", name);
    }
    this.#instances.forget(unusedMs);
    this.#resources.forget(unusedMs);
  }

  #deleteBefore(timeMs: number): void {
    for (const statement of [
      `DELETE FROM chunks WHERE tier NOT IN (0, ${NARROW_TIERS}) AND start_ms < ?`,
      "DELETE FROM logs WHERE time_ms < ?",
      "DELETE FROM spans WHERE time_ms < ?",
      "DELETE FROM traces WHERE end_ms < ?",
      "DELETE FROM events WHERE time_ms < ?",
      "DELETE FROM exemplars WHERE time_ms < ?",
    ]) {
      this.#run(statement, timeMs);
    }
  }

  #run(statement: string, value: number | string): void {
    this.#database.prepare(statement).run(typeof value === "number" ? Math.trunc(value) : value);
  }

  #usedBytes(): number {
    const pages = pragma(this.#database, "page_count") - pragma(this.#database, "freelist_count");
    return pages * pragma(this.#database, "page_size");
  }

  #oldestMs(): number | null {
    const row = this.#database
      .prepare(
        `SELECT MIN(first) AS oldest FROM (
           SELECT MIN(start_ms) AS first FROM chunks WHERE tier NOT IN (0, ${NARROW_TIERS})
           UNION ALL SELECT MIN(time_ms) FROM logs UNION ALL SELECT MIN(time_ms) FROM spans
           UNION ALL SELECT MIN(time_ms) FROM events UNION ALL SELECT MIN(time_ms) FROM exemplars)`,
      )
      .get();
    const oldest = row?.["oldest"];
    return typeof oldest === "number" ? oldest : null;
  }
}
