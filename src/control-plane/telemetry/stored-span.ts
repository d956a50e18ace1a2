/** A span as the store keeps it and the admin API shows it: times in milliseconds, attributes as texts. */
import type { StoredSpan } from "./store/store-protocol.ts";
import type { Attributes, SpanRecord } from "./telemetry-record.ts";

export function storedSpan(record: SpanRecord): StoredSpan {
  const { resource, status, attributes } = record;
  return {
    traceId: record.traceId,
    spanId: record.spanId,
    parentSpanId: record.parentSpanId,
    service: { namespace: resource.namespace, name: resource.service },
    instance: resource.instance,
    name: record.name,
    kind: record.kind,
    startMs: milliseconds(record.startNs),
    endMs: milliseconds(record.endNs),
    isError: status === "error",
    statusMessage: record.statusMessage,
    attributes: texts(attributes),
    events: record.events.map((event) => ({
      name: event.name,
      timeMs: milliseconds(event.timeNs),
      attributes: texts(event.attributes),
    })),
  };
}

/** Microseconds are kept: a number holds no more of a time since 1970. */
function milliseconds(timeNs: bigint): number {
  return Number(timeNs / 1000n) / 1000;
}

function texts(attributes: Attributes): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}
