/**
 * Metrics as OTLP's ExportMetricsServiceRequest (opentelemetry.proto.collector.metrics.v1), cumulative, with the names
 * that Prometheus has. What does not change from push to push, resource and labels, is encoded once.
 */
import type { Labels } from "../metric-family.ts";
import type { FamilySnapshot, HistogramSnapshot } from "../metric-snapshot.ts";
import { fieldLength, ProtoBuffer } from "./metrics-wire.ts";

/** AGGREGATION_TEMPORALITY_CUMULATIVE. */
const CUMULATIVE = 2;
/** A fixed64 or double in a field below 16. */
const NUMBER_BYTES = 9;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** A data point to be: its labels as `encodeLabels` made them. */
export interface OtlpPoint {
  readonly attributes: Uint8Array;
  /** Wall clock: when the count began at zero. */
  readonly startMs: number;
  readonly value: number | HistogramSnapshot;
}

/** Field of the labels: they stand elsewhere in data points of numbers and of histograms. */
const ATTRIBUTES_OF = { counter: 7, gauge: 7, histogram: 9 } as const;

/** The labels of a series as they stand in each of its data points. `scratch` is written over. */
export function encodeLabels(
  scratch: ProtoBuffer,
  type: FamilySnapshot["type"],
  labels: Labels,
): Uint8Array {
  scratch.clear();
  writeAttributes(scratch, ATTRIBUTES_OF[type], labels);
  return scratch.take();
}

/** One request, built in pieces. Reused: `begin` starts over. */
export class OtlpMetricsMessage {
  readonly #resource: Uint8Array;
  readonly #scope: Uint8Array;
  readonly #metrics = new ProtoBuffer();
  #timeMs = 0;
  #pointCount = 0;

  constructor(resource: Labels, scope: { readonly name: string; readonly version: string }) {
    const attributes = new ProtoBuffer();
    writeAttributes(attributes, 1, resource);
    this.#resource = attributes.take();
    const out = new ProtoBuffer();
    out.text(1, scope.name);
    out.text(2, scope.version);
    this.#scope = out.take();
  }

  get pointCount(): number {
    return this.#pointCount;
  }

  /** `timeMs` is wall clock: when the values were read. */
  begin(timeMs: number): void {
    this.#metrics.clear();
    this.#timeMs = timeMs;
    this.#pointCount = 0;
  }

  /** Points of one family, which may come in several pieces. */
  add(family: Pick<FamilySnapshot, "name" | "type">, points: readonly OtlpPoint[]): void {
    if (points.length === 0) return;
    const out = this.#metrics;
    const unit = unitOf(family.name);
    let length = family.type === "gauge" ? 0 : 2;
    if (family.type === "counter") length += 2;
    for (const point of points) length += fieldLength(pointLength(point));
    const nameLength = Buffer.byteLength(family.name);
    out.open(2, fieldLength(nameLength) + fieldLength(unit.length) + fieldLength(length));
    out.text(1, family.name);
    out.text(3, unit);
    out.open({ gauge: 5, counter: 7, histogram: 9 }[family.type], length);
    for (const point of points) this.#writePoint(point);
    if (family.type !== "gauge") out.enumeration(2, CUMULATIVE);
    // A sum that only grows: is_monotonic.
    if (family.type === "counter") out.enumeration(3, 1);
    this.#pointCount += points.length;
  }

  finish(): Uint8Array {
    const metrics = this.#metrics.take();
    const scopeLength = fieldLength(this.#scope.length) + metrics.length;
    const resourceLength = fieldLength(this.#resource.length) + fieldLength(scopeLength);
    const out = new ProtoBuffer();
    out.open(1, resourceLength);
    out.open(1, this.#resource.length);
    out.raw(this.#resource);
    out.open(2, scopeLength);
    out.open(1, this.#scope.length);
    out.raw(this.#scope);
    out.raw(metrics);
    return out.take();
  }

  #writePoint(point: OtlpPoint): void {
    const out = this.#metrics;
    const { value } = point;
    out.open(1, pointLength(point));
    out.raw(point.attributes);
    out.time(2, point.startMs);
    out.time(3, this.#timeMs);
    if (typeof value === "number") out.double(4, value);
    else writeHistogram(out, value);
  }
}

function pointLength({ attributes, value }: OtlpPoint): number {
  const times = NUMBER_BYTES * 2;
  if (typeof value === "number") return attributes.length + times + NUMBER_BYTES;
  let length = attributes.length + times + NUMBER_BYTES * 2;
  length += fieldLength(value.counts.length * 8) + fieldLength(value.bounds.length * 8);
  for (const exemplar of value.exemplars ?? []) length += fieldLength(exemplarLength(exemplar));
  return length;
}

function writeHistogram(out: ProtoBuffer, value: HistogramSnapshot): void {
  out.fixed64(4, value.count);
  out.double(5, value.sum);
  out.open(6, value.counts.length * 8);
  for (const count of value.counts) out.integer64(count);
  out.open(7, value.bounds.length * 8);
  for (const bound of value.bounds) out.double64(bound);
  for (const exemplar of value.exemplars ?? []) {
    out.open(8, exemplarLength(exemplar));
    out.time(2, exemplar.timeMs);
    out.double(3, exemplar.value);
    if (exemplar.spanId !== "") {
      out.open(4, SPAN_ID_BYTES);
      out.raw(Buffer.from(exemplar.spanId, "hex"));
    }
    out.open(5, TRACE_ID_BYTES);
    out.raw(Buffer.from(exemplar.traceId, "hex"));
  }
}

function exemplarLength({ spanId }: { readonly spanId: string }): number {
  const span = spanId === "" ? 0 : fieldLength(SPAN_ID_BYTES);
  return NUMBER_BYTES * 2 + span + fieldLength(TRACE_ID_BYTES);
}

/** KeyValue messages with texts as values. */
function writeAttributes(out: ProtoBuffer, field: number, labels: Labels): void {
  for (const [key, text] of Object.entries(labels)) {
    const valueLength = fieldLength(Buffer.byteLength(text));
    out.open(field, fieldLength(Buffer.byteLength(key)) + fieldLength(valueLength));
    out.text(1, key);
    out.open(2, valueLength);
    out.text(1, text);
  }
}

/** UCUM, as OpenTelemetry wants it. */
function unitOf(name: string): string {
  if (name.includes("_milliseconds")) return "ms";
  if (name.includes("_seconds")) return "s";
  return name.includes("_bytes") ? "By" : "1";
}
