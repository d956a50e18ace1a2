/** Rows of logs, spans, traces and events: written in batches, read by the indexes that questions need. */
// biome-ignore lint/correctness/noUnresolvedImports: Biome's list of Node's modules lacks it.
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { AccessLogView, MeshEvent } from "../../telemetry-types.ts";
import type {
  ErrorTraces,
  EventQuery,
  LogPage,
  LogQuery,
  StoredEvent,
  StoredLog,
  StoredSpan,
  StoredTrace,
  TraceQuery,
} from "./store-protocol.ts";

/** Of one group of errors. */
const TRACES_PER_ERROR_MAX = 5;
/** Rows that a text is looked for in, the newest first: it has no index. */
const TEXT_SCAN_MAX = 50_000;
const SERVICES_PER_TRACE_MAX = 64;
/** Of the path in what a trace is called. */
const PATH_CHARS_MAX = 200;

export class RecordTables {
  readonly #database: DatabaseSync;
  readonly #insertLog: StatementSync;
  readonly #insertSpan: StatementSync;
  readonly #hasSpan: StatementSync;
  readonly #getTrace: StatementSync;
  readonly #putTrace: StatementSync;
  readonly #insertEvent: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insertLog = database.prepare(
      "INSERT INTO logs (time_ms, source, destination, status, is_error, flags, duration_ms, trace_id, request_id, reporter, route, cluster, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    );
    this.#insertSpan = database.prepare(
      "INSERT INTO spans (trace_id, span_id, time_ms, body) VALUES (?,?,?,?)",
    );
    this.#hasSpan = database.prepare("SELECT 1 FROM spans WHERE trace_id = ? AND span_id = ?");
    this.#getTrace = database.prepare("SELECT * FROM traces WHERE trace_id = ?");
    this.#putTrace = database.prepare("INSERT OR REPLACE INTO traces VALUES (?,?,?,?,?,?,?,?,?)");
    this.#insertEvent = database.prepare("INSERT INTO events (time_ms, type, body) VALUES (?,?,?)");
  }

  addLogs(logs: readonly StoredLog[]): void {
    for (const { view, isError, cluster } of logs) {
      this.#insertLog.run(
        Date.parse(view.time),
        refText(view.source),
        refText(view.destination),
        view.responseCode,
        isError ? 1 : 0,
        view.flags,
        view.durationMs,
        view.traceId,
        view.requestId,
        view.reporter,
        view.route,
        cluster,
        JSON.stringify(view),
      );
    }
  }

  addSpans(spans: readonly StoredSpan[]): void {
    for (const span of spans) {
      // A sender that tries again after an answer that was lost.
      if (this.#hasSpan.get(span.traceId, span.spanId) !== undefined) continue;
      this.#insertSpan.run(
        span.traceId,
        span.spanId,
        Math.trunc(span.startMs),
        JSON.stringify(span),
      );
      this.#addToTrace(span);
    }
  }

  #addToTrace(span: StoredSpan): void {
    const known = this.#getTrace.get(span.traceId) as TraceColumns | undefined;
    const service = refText(span.service);
    // A root is sure; without one the earliest span stands for it.
    const startMs = span.parentSpanId === "" ? Number.NEGATIVE_INFINITY : span.startMs;
    const isRoot = known === undefined || startMs < known.root_start_ms;
    const services = new Set(known?.services.split("\n") ?? []);
    if (services.size < SERVICES_PER_TRACE_MAX) services.add(service);
    this.#putTrace.run(
      span.traceId,
      Math.min(known?.start_ms ?? span.startMs, span.startMs),
      Math.max(known?.end_ms ?? span.endMs, span.endMs),
      (known?.spans ?? 0) + 1,
      known?.is_error === 1 || span.isError ? 1 : 0,
      isRoot ? service : (known?.root_service ?? service),
      isRoot ? operationOf(span) : (known?.root_name ?? operationOf(span)),
      isRoot ? Math.max(startMs, -1e15) : (known?.root_start_ms ?? span.startMs),
      [...services].join("\n"),
    );
  }

  addEvents(events: readonly MeshEvent[]): readonly StoredEvent[] {
    return events.map((event) => {
      const body = JSON.stringify(event);
      const { lastInsertRowid } = this.#insertEvent.run(Date.parse(event.time), event.type, body);
      return { id: Number(lastInsertRowid), event };
    });
  }

  logs(query: LogQuery): LogPage {
    const { conditions, values } = logConditions(query);
    const hasText = query.text !== undefined;
    const limit = hasText ? TEXT_SCAN_MAX : query.limit + 1;
    const statement = this.#database.prepare(
      `SELECT id, body FROM logs WHERE ${conditions.join(" AND ")} ORDER BY time_ms DESC, id DESC LIMIT ${limit}`,
    );
    const found: { readonly id: number; readonly view: AccessLogView }[] = [];
    const text = query.text?.toLowerCase();
    for (const row of statement.iterate(...values) as Iterable<{ id: number; body: string }>) {
      if (text !== undefined && !row.body.toLowerCase().includes(text)) continue;
      found.push({ id: row.id, view: JSON.parse(row.body) as AccessLogView });
      if (found.length > query.limit) break;
    }
    const page = found.slice(0, query.limit);
    const last = page.at(-1);
    const hasMore = found.length > query.limit && last !== undefined;
    return {
      logs: page.map(({ view }) => view),
      next: hasMore ? `${Date.parse(last.view.time)}-${last.id}` : null,
    };
  }

  traces(query: TraceQuery): readonly StoredTrace[] {
    const conditions = ["start_ms >= ?", "start_ms < ?"];
    const values: SQLInputValue[] = [query.fromMs, query.toMs];
    if (query.minDurationMs !== undefined) {
      conditions.push("end_ms - start_ms >= ?");
      values.push(query.minDurationMs);
    }
    if (query.isErrorOnly) conditions.push("is_error = 1");
    if (query.operation !== undefined) {
      // Any part of it: people type as much as they know.
      conditions.push("root_name LIKE ? ESCAPE '!'");
      values.push(`%${escaped(query.operation)}%`);
    }
    if (query.service !== undefined) {
      conditions.push("(char(10) || services || char(10)) LIKE ? ESCAPE '!'");
      values.push(`%\n${escaped(query.service)}\n%`);
    }
    if (query.namespace !== undefined) {
      conditions.push("(char(10) || services) LIKE ? ESCAPE '!'");
      values.push(`%\n${escaped(query.namespace)}/%`);
    }
    const rows = this.#database
      .prepare(
        `SELECT * FROM traces WHERE ${conditions.join(" AND ")} ORDER BY start_ms DESC LIMIT ?`,
      )
      .all(...values, query.limit) as unknown as readonly TraceColumns[];
    return rows.map(traceOf);
  }

  trace(traceId: string): {
    readonly trace: StoredTrace;
    readonly spans: readonly StoredSpan[];
  } | null {
    const row = this.#getTrace.get(traceId) as TraceColumns | undefined;
    if (row === undefined) return null;
    const spans = this.#database
      .prepare("SELECT body FROM spans WHERE trace_id = ? ORDER BY time_ms LIMIT 5000")
      .all(traceId) as unknown as readonly { readonly body: string }[];
    return { trace: traceOf(row), spans: spans.map(({ body }) => JSON.parse(body) as StoredSpan) };
  }

  events(query: EventQuery): readonly MeshEvent[] {
    const hasType = query.type !== undefined;
    const rows = this.#database
      .prepare(
        `SELECT body FROM events WHERE time_ms >= ? AND time_ms < ? ${hasType ? "AND type = ?" : ""} ORDER BY time_ms DESC, id DESC LIMIT ?`,
      )
      .all(
        query.fromMs,
        query.toMs,
        ...(query.type === undefined ? [] : [query.type]),
        query.limit,
      ) as unknown as readonly { readonly body: string }[];
    return rows.map(({ body }) => JSON.parse(body) as MeshEvent);
  }

  /** Traces of failed requests, by destination, code and flags. */
  errorTraces(fromMs: number, toMs: number): readonly ErrorTraces[] {
    const rows = this.#database
      .prepare(
        "SELECT destination, status, flags, trace_id FROM logs WHERE is_error = 1 AND time_ms >= ? AND time_ms < ? AND trace_id IS NOT NULL ORDER BY time_ms DESC LIMIT 5000",
      )
      .all(fromMs, toMs) as unknown as readonly {
      readonly destination: string;
      readonly status: number;
      readonly flags: string;
      readonly trace_id: string;
    }[];
    const groups = new Map<
      string,
      { destination: string; status: number; flags: string; ids: Set<string> }
    >();
    for (const { destination, status, flags, trace_id } of rows) {
      const key = `${destination} ${status} ${flags}`;
      const group = groups.get(key) ?? { destination, status, flags, ids: new Set<string>() };
      groups.set(key, group);
      if (group.ids.size < TRACES_PER_ERROR_MAX) group.ids.add(trace_id);
    }
    return [...groups.values()].map(({ ids, ...rest }) => ({ ...rest, traceIds: [...ids] }));
  }
}

interface TraceColumns {
  readonly trace_id: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly spans: number;
  readonly is_error: number;
  readonly root_service: string;
  readonly root_name: string;
  readonly root_start_ms: number;
  readonly services: string;
}

/**
 * `POST /checkout`: names of HTTP spans are their method alone where no route is known (OpenTelemetry's semantic conventions,
 * "HTTP spans": few names), which tells people nothing.
 */
function operationOf({ name, attributes }: StoredSpan): string {
  if (name !== attributes["http.request.method"]) return name;
  const full = attributes["url.full"];
  const path =
    attributes["url.path"] ??
    (full !== undefined && URL.canParse(full) ? new URL(full).pathname : "");
  return path === "" ? name : `${name} ${path.slice(0, PATH_CHARS_MAX)}`;
}

function traceOf(row: TraceColumns): StoredTrace {
  return {
    traceId: row.trace_id,
    startMs: row.start_ms,
    endMs: row.end_ms,
    spans: row.spans,
    hasError: row.is_error === 1,
    rootService: row.root_service,
    rootName: row.root_name,
    services: row.services.split("\n"),
  };
}

function refText({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${namespace}/${name}`;
}

function escaped(text: string): string {
  return text.replaceAll(/[!%_]/g, "!$&");
}

function logConditions(query: LogQuery): {
  readonly conditions: readonly string[];
  readonly values: readonly SQLInputValue[];
} {
  const conditions = ["time_ms >= ?", "time_ms < ?"];
  const values: SQLInputValue[] = [query.fromMs, query.toMs];
  const add = (condition: string, ...given: readonly SQLInputValue[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  if (query.before !== undefined) {
    const { timeMs, id } = query.before;
    add("(time_ms < ? OR (time_ms = ? AND id < ?))", timeMs, timeMs, id);
  }
  if (query.status !== undefined) add("status BETWEEN ? AND ?", query.status.from, query.status.to);
  if (query.minDurationMs !== undefined) add("duration_ms >= ?", query.minDurationMs);
  if (query.flag !== undefined)
    add("(',' || flags || ',') LIKE ? ESCAPE '!'", `%,${escaped(query.flag)},%`);
  if (query.traceId !== undefined) add("trace_id = ?", query.traceId);
  if (query.requestId !== undefined) add("request_id = ?", query.requestId);
  if (query.method !== undefined) add("body ->> 'method' = ?", query.method);
  if (query.path !== undefined) add("body ->> 'path' LIKE ? ESCAPE '!'", `${escaped(query.path)}%`);
  if (query.source !== undefined) add("source = ?", query.source);
  if (query.destination !== undefined) add("destination = ?", query.destination);
  if (query.service !== undefined)
    add("(destination = ? OR source = ?)", query.service, query.service);
  if (query.namespace !== undefined) {
    const like = `${escaped(query.namespace)}/%`;
    add("(destination LIKE ? ESCAPE '!' OR source LIKE ? ESCAPE '!')", like, like);
  }
  return { conditions, values };
}
