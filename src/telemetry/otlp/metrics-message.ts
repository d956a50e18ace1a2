/**
 * Metrics as OTLP's ExportMetricsServiceRequest (opentelemetry.proto.collector.metrics.v1), cumulative, with the names
 * that Prometheus has. What does not change from push to push, resource and labels, is encoded once.
 */
import type { ExemplarSnapshot } from "../histogram-exemplars.ts";
import type { Labels } from "../metric-family.ts";
import type { FamilySnapshot, HistogramSnapshot } from "../metric-snapshot.ts";
import { exponentialLength, writeExponential } from "./metrics-exponential.ts";
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

/** Fields of the data of each kind of metric, of the labels and of the exemplars in its data points. */
const FIELDS = {
  gauge: { data: 5, labels: 7, exemplars: 5 },
  counter: { data: 7, labels: 7, exemplars: 5 },
  histogram: { data: 9, labels: 9, exemplars: 8 },
  exponential: { data: 10, labels: 1, exemplars: 11 },
} as const;

type Kind = keyof typeof FIELDS;

export interface OtlpMetricsOptions {
  /** Attributes of who tells. */
  readonly resource: Labels;
  readonly scope: { readonly name: string; readonly version: string };
  /** Whether histograms are told as exponential ones. */
  readonly isExponential?: boolean;
}

/** The same where the kind is known. `scratch` is written over. */
export function encodeLabels(scratch: ProtoBuffer, kind: Kind, labels: Labels): Uint8Array {
  scratch.clear();
  writeAttributes(scratch, FIELDS[kind].labels, labels);
  return scratch.take();
}

/** One request, built in pieces. Reused: `begin` starts over. */
export class OtlpMetricsMessage {
  readonly #resource: Uint8Array;
  readonly #scope: Uint8Array;
  readonly #metrics = new ProtoBuffer();
  readonly #scratch = new ProtoBuffer();
  readonly #histogram: "histogram" | "exponential";
  #timeMs = 0;
  #pointCount = 0;

  constructor({ resource, scope, isExponential = false }: OtlpMetricsOptions) {
    this.#histogram = isExponential ? "exponential" : "histogram";
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

  /** The labels of a series as they stand in each of its data points. */
  encodeLabels(type: FamilySnapshot["type"], labels: Labels): Uint8Array {
    return encodeLabels(this.#scratch, this.#kindOf(type), labels);
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
    const kind = this.#kindOf(family.type);
    for (const point of points) length += fieldLength(pointLength(point, kind));
    const nameLength = Buffer.byteLength(family.name);
    out.open(2, fieldLength(nameLength) + fieldLength(unit.length) + fieldLength(length));
    out.text(1, family.name);
    out.text(3, unit);
    out.open(FIELDS[kind].data, length);
    for (const point of points) this.#writePoint(point, kind);
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

  #kindOf(type: FamilySnapshot["type"]): Kind {
    return type === "histogram" ? this.#histogram : type;
  }

  #writePoint(point: OtlpPoint, kind: Kind): void {
    const out = this.#metrics;
    const { value } = point;
    out.open(1, pointLength(point, kind));
    out.raw(point.attributes);
    out.time(2, point.startMs);
    out.time(3, this.#timeMs);
    if (typeof value === "number") out.double(4, value);
    else {
      if (kind === "exponential") writeExponential(out, value);
      else writeHistogram(out, value);
      writeExemplars(out, FIELDS[kind].exemplars, value.exemplars ?? []);
    }
  }
}

function pointLength({ attributes, value }: OtlpPoint, kind: Kind): number {
  const times = NUMBER_BYTES * 2;
  if (typeof value === "number") return attributes.length + times + NUMBER_BYTES;
  let length = attributes.length + times;
  if (kind === "exponential") length += exponentialLength(value);
  else {
    length += NUMBER_BYTES * 2;
    length += fieldLength(value.counts.length * 8) + fieldLength(value.bounds.length * 8);
  }
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
}

function writeExemplars(
  out: ProtoBuffer,
  field: number,
  exemplars: readonly ExemplarSnapshot[],
): void {
  for (const exemplar of exemplars) {
    out.open(field, exemplarLength(exemplar));
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
