/** Traces: a list of them, and one as people read it: parents before children, with logs and hints. */
import type { Context } from "hono";
import type { StoredSpan, StoredTrace } from "../telemetry/store/store-protocol.ts";
import type { SpanView, TraceResponse, TraceSummary, TracesResponse } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { refFrom } from "./telemetry-mesh.ts";
import { type AskedWindow, limitFrom, millisecondsFrom, windowView } from "./telemetry-query.ts";

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 10_000;
const TRACE_ID = /^[0-9a-f]{32}$/;
const LOGS_MAX = 500;

export async function tracesView(
  deps: AdminApiDeps,
  { fromMs, toMs, namespace, service }: AskedWindow,
  context: Context,
): Promise<TracesResponse> {
  const { error, operation } = context.req.query();
  const minDurationMs = millisecondsFrom(context, "minDurationMs");
  const traces = await deps.telemetry.questions.ask("traces", {
    ...{ fromMs, toMs, isErrorOnly: error === "true" },
    limit: limitFrom(context, LIMIT_DEFAULT, LIMIT_MAX),
    ...(minDurationMs === undefined ? {} : { minDurationMs }),
    ...(operation === undefined ? {} : { operation }),
    ...(service === undefined ? {} : { service: `${namespace ?? "default"}/${service}` }),
    ...(namespace === undefined || service !== undefined ? {} : { namespace }),
  });
  return {
    window: windowView({ fromMs, toMs, stepMs: toMs - fromMs }),
    traces: traces.map(summaryOf),
  };
}

export async function traceView(deps: AdminApiDeps, traceId: string): Promise<TraceResponse> {
  if (!TRACE_ID.test(traceId)) {
    throw apiError("bad_request", `"${traceId}" is no trace id`, {
      hint: "32 hexadecimal digits, in lower case",
    });
  }
  const { questions } = deps.telemetry;
  const [found, logs] = await Promise.all([
    questions.ask("trace", { traceId }),
    questions.ask("logs", {
      ...{ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, traceId },
      limit: LOGS_MAX,
    }),
  ]);
  if (found === null) {
    throw apiError("not_found", `there is no trace ${traceId}`, {
      hint: "it was not sampled, or is older than what is kept; `tulle trace` lists those that are there",
    });
  }
  const spans = inOrder(found.spans).map((span) => spanView(span, found.trace.startMs));
  return {
    traceId,
    summary: summaryOf(found.trace),
    spans,
    logs: logs.logs.toReversed(),
    hints: hintsOf(found.spans),
  };
}

function summaryOf(trace: StoredTrace): TraceSummary {
  return {
    traceId: trace.traceId,
    root: { service: refFrom(trace.rootService), name: trace.rootName },
    startTime: new Date(trace.startMs).toISOString(),
    durationMs: Math.max(0, trace.endMs - trace.startMs),
    spans: trace.spans,
    // Where it began, then those that were called.
    services: [
      ...trace.services.filter((one) => one === trace.rootService),
      ...trace.services.filter((one) => one !== trace.rootService).toSorted(),
    ],
    hasError: trace.hasError,
  };
}

function spanView(span: StoredSpan, startMs: number): SpanView {
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === "" ? null : span.parentSpanId,
    service: span.service,
    instance: span.instance,
    name: span.name,
    kind: span.kind,
    startTime: new Date(span.startMs).toISOString(),
    offsetMs: span.startMs - startMs,
    durationMs: span.endMs - span.startMs,
    isError: span.isError,
    statusMessage: span.statusMessage,
    attributes: span.attributes,
    events: span.events.map(({ name, timeMs, attributes }) => ({
      name,
      offsetMs: timeMs - startMs,
      attributes,
    })),
  };
}

/** Depth first, siblings by start. A span whose parent is missing stands where a root would. */
function inOrder(spans: readonly StoredSpan[]): readonly StoredSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, StoredSpan[]>();
  for (const span of spans) {
    const parent = ids.has(span.parentSpanId) ? span.parentSpanId : "";
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [span]);
    else list.push(span);
  }
  for (const list of children.values()) list.sort((a, b) => a.startMs - b.startMs);
  const ordered: StoredSpan[] = [];
  const seen = new Set<string>();
  const stack = (children.get("") ?? []).toReversed();
  for (let span = stack.pop(); span !== undefined; span = stack.pop()) {
    if (seen.has(span.spanId)) continue;
    seen.add(span.spanId);
    ordered.push(span);
    stack.push(...(children.get(span.spanId) ?? []).toReversed());
  }
  // Spans that are each other's parents are shown all the same.
  return [...ordered, ...spans.filter(({ spanId }) => !seen.has(spanId))];
}

function hintsOf(spans: readonly StoredSpan[]): readonly string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const missing = spans.filter(
    ({ parentSpanId }) => parentSpanId !== "" && !ids.has(parentSpanId),
  ).length;
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === "").length;
  const hints: string[] = [];
  if (missing > 0) {
    hints.push(
      `the parents of ${missing} spans are not here: an app's own spans are sent elsewhere, were not sampled, or are yet to come`,
    );
  }
  if (roots > 1) hints.push(`${roots} spans begin the trace: a caller made its id anew`);
  return hints;
}
