/** Log records of OTLP (opentelemetry.proto.logs.v1) as records. Envoy's access logs come in the same form. */
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.js";
import { isId } from "./otlp-traces.ts";
import { attributesOf, attributeValue, hexOf, textOf } from "./otlp-values.ts";
import type { LogEvent, TelemetryResource } from "./telemetry-record.ts";

const INFO = 9;

/** `nowNs`: for a record that has no time at all. */
export function logEvent(record: LogRecord, resource: TelemetryResource, nowNs: bigint): LogEvent {
  const attributes = attributesOf(record.attributes);
  const body = attributeValue(record.body, 0);
  return {
    resource,
    timeNs: record.timeUnixNano || record.observedTimeUnixNano || nowNs,
    severity: record.severityNumber || INFO,
    // Envoy can set attributes, but not the name.
    eventName: record.eventName || textOf(attributes, "event.name"),
    body: body === undefined ? "" : String(body),
    traceId: isId(record.traceId, 16) ? hexOf(record.traceId) : "",
    spanId: isId(record.spanId, 8) ? hexOf(record.spanId) : "",
    attributes,
  };
}
