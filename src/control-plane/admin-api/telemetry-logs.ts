/** Access logs: a page of them, and what comes from now on. */
import type { Context } from "hono";
import type { LogQuery } from "../telemetry/store/store-protocol.ts";
import type { AccessLogView, LogsResponse } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { refText } from "./telemetry-mesh.ts";
import { type AskedWindow, limitFrom, millisecondsFrom, windowView } from "./telemetry-query.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const TEXT_MAX = 256;

export async function logsView(
  deps: AdminApiDeps,
  asked: AskedWindow,
  context: Context,
): Promise<LogsResponse> {
  const { fromMs, toMs } = asked;
  const { logs, next } = await deps.telemetry.questions.ask("logs", logQuery(asked, context));
  return { window: windowView({ fromMs, toMs, stepMs: toMs - fromMs }), logs, next };
}

export function logQuery(
  { fromMs, toMs, namespace, service }: AskedWindow,
  context: Context,
): LogQuery {
  const { status, flag, traceId, requestId, text, before, method, path } = context.req.query();
  const source = refFrom(context, "source");
  const destination = refFrom(context, "destination");
  const minDurationMs = millisecondsFrom(context, "minDurationMs");
  return {
    ...{ fromMs, toMs, limit: limitFrom(context, LIMIT_DEFAULT, LIMIT_MAX) },
    ...(status === undefined ? {} : { status: statusFrom(status) }),
    ...(minDurationMs === undefined ? {} : { minDurationMs }),
    ...(flag === undefined ? {} : { flag }),
    ...(traceId === undefined ? {} : { traceId }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path }),
    ...(source === undefined ? {} : { source }),
    ...(destination === undefined ? {} : { destination }),
    ...(text === undefined ? {} : { text: text.slice(0, TEXT_MAX) }),
    ...(before === undefined ? {} : { before: cursorFrom(before) }),
    ...(service === undefined ? {} : { service: `${namespace ?? "default"}/${service}` }),
    ...(namespace === undefined || service !== undefined ? {} : { namespace }),
  };
}

/** Whether a record that comes now is one that was asked for. */
export function isWanted(log: AccessLogView, query: LogQuery): boolean {
  const { status, minDurationMs = 0, flag, traceId, requestId, text, service, namespace } = query;
  const { method, path = "", source, destination } = query;
  const ends = [log.source, log.destination];
  return (
    (status === undefined || (log.responseCode >= status.from && log.responseCode <= status.to)) &&
    log.durationMs >= minDurationMs &&
    (flag === undefined || log.flags.split(",").includes(flag)) &&
    (traceId === undefined || log.traceId === traceId) &&
    (requestId === undefined || log.requestId === requestId) &&
    (method === undefined || log.method === method) &&
    (log.path ?? "").toLowerCase().startsWith(path.toLowerCase()) &&
    (source === undefined || refText(log.source) === source) &&
    (destination === undefined || refText(log.destination) === destination) &&
    (service === undefined || ends.some((end) => refText(end) === service)) &&
    (namespace === undefined || ends.some((end) => end.namespace === namespace)) &&
    (text === undefined || JSON.stringify(log).toLowerCase().includes(text.toLowerCase()))
  );
}

/** `namespace/name` in a query. */
export function refFrom(context: Context, name: string): string | undefined {
  const text = context.req.query(name);
  if (text === undefined) return undefined;
  const [namespace = "", service = "", ...more] = text.split("/");
  if (namespace === "" || service === "" || more.length > 0) {
    throw apiError("bad_request", `${name}: "${text}" is no service; write NAMESPACE/NAME`);
  }
  return refText({ namespace, name: service });
}

/** `503`, `5xx`, `400-499`. */
export function statusFrom(text: string): { readonly from: number; readonly to: number } {
  const [, digit] = /^([0-5])xx$/i.exec(text) ?? [];
  if (digit !== undefined) return { from: Number(digit) * 100, to: Number(digit) * 100 + 99 };
  const [, from, to = from] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? [];
  if (from !== undefined) return { from: Number(from), to: Number(to) };
  throw apiError("bad_request", `status: "${text}" is no status`, {
    hint: "write it as 503, 5xx or 400-499",
  });
}

function cursorFrom(text: string): { readonly timeMs: number; readonly id: number } {
  const [, timeMs, id] = /^(\d{1,16})-(\d{1,16})$/.exec(text) ?? [];
  if (timeMs !== undefined && id !== undefined) return { timeMs: Number(timeMs), id: Number(id) };
  throw apiError("bad_request", `before: "${text}" is no \`next\` of an earlier answer`);
}
