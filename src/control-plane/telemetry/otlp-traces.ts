/** Spans of OTLP (opentelemetry.proto.trace.v1) as records. */
import {
  type Span,
  Span_SpanKind,
  Status_StatusCode,
} from "../../gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { attributesOf, hexOf } from "./otlp-values.ts";
import type { SpanKind, SpanRecord, TelemetryResource } from "./telemetry-record.ts";

/** Of one span; OpenTelemetry's SDKs stop at 128. */
const EVENTS_MAX = 128;

const KINDS: Readonly<Partial<Record<Span_SpanKind, SpanKind>>> = {
  [Span_SpanKind.SERVER]: "server",
  [Span_SpanKind.CLIENT]: "client",
  [Span_SpanKind.PRODUCER]: "producer",
  [Span_SpanKind.CONSUMER]: "consumer",
};

/** Undefined for a span without ids, which a receiver must not take (trace.proto, `trace_id`). */
export function spanRecord(span: Span, resource: TelemetryResource): SpanRecord | undefined {
  if (!isId(span.traceId, 16) || !isId(span.spanId, 8)) return undefined;
  const code = span.status?.code;
  return {
    resource,
    traceId: hexOf(span.traceId),
    spanId: hexOf(span.spanId),
    parentSpanId: isId(span.parentSpanId, 8) ? hexOf(span.parentSpanId) : "",
    traceState: span.traceState,
    name: span.name,
    kind: KINDS[span.kind] ?? "internal",
    startNs: span.startTimeUnixNano,
    endNs: endOf(span),
    status:
      code === Status_StatusCode.ERROR ? "error" : code === Status_StatusCode.OK ? "ok" : "unset",
    statusMessage: span.status?.message ?? "",
    attributes: attributesOf(span.attributes),
    events: span.events.slice(0, EVENTS_MAX).map((event) => ({
      name: event.name,
      timeNs: event.timeUnixNano,
      attributes: attributesOf(event.attributes),
    })),
  };
}

/** A clock that was set back makes no span of negative length. */
function endOf({ startTimeUnixNano, endTimeUnixNano }: Span): bigint {
  if (endTimeUnixNano < startTimeUnixNano) return startTimeUnixNano;
  return endTimeUnixNano;
}

/** All zeros is no id. */
export function isId(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && bytes.some((byte) => byte !== 0);
}
