/**
 * Reads the points of an ExportMetricsServiceRequest: of families that nobody wants only the name is read, and of each
 * point only numbers; its labels stay bytes, which the reader's owner knows from the push before.
 */
import { MalformedMessage, WireReader } from "../wire-reader.ts";
import { LATENCY_BOUNDS_MS } from "./traffic-slots.ts";

const NANOSECONDS = 1e6;
const MS_PER_SECOND = 1000;
/** OpenMetrics, "Unit": the name of a family ends in its unit. */
const SECONDS = "_seconds";
/** AGGREGATION_TEMPORALITY_DELTA. */
const DELTA = 1;
const LAST_BUCKET = LATENCY_BOUNDS_MS.length;

/** One point. The object is reused: it holds until the next. */
export interface MetricPoint {
  family: string;
  type: "counter" | "gauge" | "histogram";
  /** A delta needs no memory of what was told before. */
  isDelta: boolean;
  /** Milliseconds since 1970. */
  startMs: number;
  timeMs: number;
  /** Of a histogram: the count. */
  value: number;
  /** Of a histogram: in milliseconds where it is of times, whatever unit it was told in. */
  sum: number;
  /** Of a histogram: one more than LATENCY_BOUNDS_MS. */
  readonly buckets: Float64Array;
  /** Where its labels are: KeyValue messages with their tags, one after another. */
  labelsStart: number;
  labelsEnd: number;
  readonly exemplars: PointExemplar[];
}

export interface PointExemplar {
  readonly timeMs: number;
  /** In milliseconds where it is of times. */
  readonly value: number;
  readonly traceId: string;
}

export interface PointVisitor {
  /** Whether points of the family are wanted. */
  wants(family: string): boolean;
  /** `resourceIndex` counts ResourceMetrics. */
  onPoint(point: MetricPoint, bytes: Uint8Array, resourceIndex: number): void;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Fields of Metric's oneof `data`. */
const DATA_TYPES: Readonly<Record<number, MetricPoint["type"]>> = {
  5: "gauge",
  7: "counter",
  9: "histogram",
  10: "histogram",
};
const EXPONENTIAL = 10;
/** What a request may hold of a sender that means no good. */
const EXEMPLARS_PER_POINT_MAX = 32;

/** Throws `MalformedMessage`; points before it were given. */
export function readPoints(bytes: Uint8Array, visitor: PointVisitor): void {
  new PointReader(bytes, visitor).read();
}

/** The labels of a point by name. Values that are no texts are left out. */
export function readLabels(bytes: Uint8Array, { start, end }: Range): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const reader = new WireReader(bytes);
  reader.enter(start, end);
  while (reader.next()) {
    reader.open();
    const entry = new WireReader(bytes);
    entry.enter(reader.contentStart, reader.contentEnd);
    let [key, value] = ["", ""];
    while (entry.next()) {
      if (entry.field === 1) key = entry.text();
      else if (entry.field === 2) value = readText(bytes, entry);
      else entry.skip();
    }
    labels.set(key, value);
  }
  return labels;
}

/** AnyValue's string_value. */
function readText(bytes: Uint8Array, entry: WireReader): string {
  entry.open();
  const value = new WireReader(bytes);
  value.enter(entry.contentStart, entry.contentEnd);
  let text = "";
  while (value.next()) {
    if (value.field === 1) text = value.text();
    else value.skip();
  }
  return text;
}

class PointReader {
  readonly #bytes: Uint8Array;
  readonly #visitor: PointVisitor;
  readonly #point: MetricPoint = {
    family: "",
    type: "counter",
    isDelta: false,
    startMs: 0,
    timeMs: 0,
    value: 0,
    sum: 0,
    buckets: new Float64Array(LATENCY_BOUNDS_MS.length + 1),
    labelsStart: 0,
    labelsEnd: 0,
    exemplars: [],
  };
  #resourceIndex = -1;
  #counts: number[] = [];
  #bounds: number[] = [];

  constructor(bytes: Uint8Array, visitor: PointVisitor) {
    this.#bytes = bytes;
    this.#visitor = visitor;
  }

  read(): void {
    for (const resource of this.#children({ start: 0, end: this.#bytes.length }, 1)) {
      this.#resourceIndex += 1;
      for (const scope of this.#children(resource, 2)) {
        for (const metric of this.#children(scope, 2)) this.#readMetric(metric);
      }
    }
  }

  /** Messages in a field, one after another. */
  *#children({ start, end }: Range, field: number): Generator<Range, void, undefined> {
    const reader = new WireReader(this.#bytes);
    reader.enter(start, end);
    while (reader.next()) {
      if (reader.field !== field) {
        reader.skip();
        continue;
      }
      reader.open();
      yield { start: reader.contentStart, end: reader.contentEnd };
    }
  }

  #readMetric({ start, end }: Range): void {
    const reader = new WireReader(this.#bytes);
    reader.enter(start, end);
    let family = "";
    let data: (Range & { readonly field: number }) | undefined;
    while (reader.next()) {
      if (reader.field === 1) family = reader.text();
      else if (DATA_TYPES[reader.field] === undefined) reader.skip();
      else {
        const { field } = reader;
        reader.open();
        data = { field, start: reader.contentStart, end: reader.contentEnd };
      }
    }
    if (data === undefined || !this.#visitor.wants(family)) return;
    this.#point.family = family;
    this.#point.type = DATA_TYPES[data.field] ?? "gauge";
    const isInSeconds = this.#point.type === "histogram" && family.endsWith(SECONDS);
    this.#factor = isInSeconds ? MS_PER_SECOND : 1;
    this.#point.isDelta = this.#isDelta(data);
    for (const range of this.#children(data, 1)) {
      this.#readPoint(range, data.field);
      this.#visitor.onPoint(this.#point, this.#bytes, this.#resourceIndex);
    }
  }

  /** `aggregation_temporality`, which stands after the points. */
  #isDelta({ start, end }: Range): boolean {
    const reader = new WireReader(this.#bytes);
    reader.enter(start, end);
    let temporality = 0;
    while (reader.next()) {
      if (reader.field === 2 && reader.wireType === 0) temporality = reader.varint();
      else reader.skip();
    }
    return temporality === DELTA;
  }

  #readPoint({ start, end }: Range, dataField: number): void {
    const point = this.#point;
    const isExponential = dataField === EXPONENTIAL;
    const isHistogram = point.type === "histogram";
    const labelsField = isExponential ? 1 : isHistogram ? 9 : 7;
    this.#clear();
    const reader = new WireReader(this.#bytes);
    reader.enter(start, end);
    for (let at = reader.position; reader.next(); at = reader.position) {
      const { field, wireType } = reader;
      if (field === labelsField) this.#readLabel(reader, at);
      else if (field === 2 && wireType === 1) point.startMs = reader.fixed64() / NANOSECONDS;
      else if (field === 3 && wireType === 1) point.timeMs = reader.fixed64() / NANOSECONDS;
      else if (isHistogram) this.#readHistogramField(reader, isExponential);
      else this.#readNumberField(reader);
    }
    if (isExponential) this.#spreadExponential();
    else if (isHistogram) this.#spreadExplicit();
  }

  #clear(): void {
    const point = this.#point;
    point.startMs = 0;
    point.timeMs = 0;
    point.value = 0;
    point.sum = 0;
    point.labelsStart = 0;
    point.labelsEnd = 0;
    point.exemplars.length = 0;
    if (point.type !== "histogram") return;
    point.buckets.fill(0);
    this.#counts = [];
    this.#bounds = [];
    this.#scale = 0;
    this.#zeroCount = 0;
    this.#offset = 0;
  }

  #readLabel(reader: WireReader, at: number): void {
    const point = this.#point;
    reader.open();
    if (point.labelsStart === 0) point.labelsStart = at;
    else if (point.labelsEnd !== at) throw new MalformedMessage("labels lie apart");
    point.labelsEnd = reader.position;
  }

  /** NumberDataPoint's as_double and as_int. */
  #readNumberField(reader: WireReader): void {
    const { field, wireType } = reader;
    if (field === 4 && wireType === 1) this.#point.value = reader.double();
    else if (field === 6 && wireType === 1) this.#point.value = reader.signed64();
    else reader.skip();
  }

  // ---- histograms ----

  /** From the unit of the family to ours. */
  #factor = 1;
  #scale = 0;
  #zeroCount = 0;
  #offset = 0;

  #readHistogramField(reader: WireReader, isExponential: boolean): void {
    const { field, wireType } = reader;
    if (field === 4 && wireType === 1) this.#point.value = reader.fixed64();
    else if (field === 5 && wireType === 1) {
      this.#point.sum = reader.double() * this.#factor;
    } else if (field === (isExponential ? 11 : 8)) this.#readExemplar(reader);
    else if (!isExponential && field === 6) {
      this.#packed(reader, this.#counts, (inner) => inner.fixed64());
    } else if (!isExponential && field === 7) {
      this.#packed(reader, this.#bounds, (inner) => inner.double());
    } else if (isExponential && field === 6) this.#scale = zigzag(reader.varint());
    else if (isExponential && field === 7 && wireType === 1) this.#zeroCount = reader.fixed64();
    else if (isExponential && field === 8) this.#readExponentialBuckets(reader);
    else reader.skip();
  }

  #packed(reader: WireReader, into: number[], read: (inner: WireReader) => number): void {
    if (reader.wireType !== 2) {
      into.push(read(reader));
      return;
    }
    reader.open();
    const inner = new WireReader(this.#bytes);
    inner.enter(reader.contentStart, reader.contentEnd);
    while (inner.position < reader.contentEnd) into.push(read(inner));
  }

  #readExponentialBuckets(reader: WireReader): void {
    reader.open();
    const inner = new WireReader(this.#bytes);
    inner.enter(reader.contentStart, reader.contentEnd);
    this.#offset = 0;
    while (inner.next()) {
      if (inner.field === 1) this.#offset = zigzag(inner.varint());
      else if (inner.field === 2) this.#packed(inner, this.#counts, (one) => one.varint());
      else inner.skip();
    }
  }

  #readExemplar(reader: WireReader): void {
    reader.open();
    const inner = new WireReader(this.#bytes);
    inner.enter(reader.contentStart, reader.contentEnd);
    let [timeMs, value, traceId] = [0, 0, ""];
    while (inner.next()) {
      if (inner.field === 2 && inner.wireType === 1) timeMs = inner.fixed64() / NANOSECONDS;
      else if (inner.field === 3 && inner.wireType === 1) value = inner.double();
      else if (inner.field === 6 && inner.wireType === 1) value = inner.signed64();
      else if (inner.field === 5) {
        inner.open();
        const { contentStart, contentEnd } = inner;
        traceId = Buffer.from(this.#bytes.subarray(contentStart, contentEnd)).toString("hex");
      } else inner.skip();
    }
    const { exemplars } = this.#point;
    if (traceId.length === 32 && exemplars.length < EXEMPLARS_PER_POINT_MAX) {
      exemplars.push({ timeMs, value: value * this.#factor, traceId });
    }
  }

  /** Into our buckets, each by its upper bound; what is above the last bound into ours that begins there. */
  #spreadExplicit(): void {
    const { buckets } = this.#point;
    let target = 0;
    for (const [index, count] of this.#counts.entries()) {
      const bound = this.#bounds[index];
      if (bound !== undefined) target = bucketUpTo(bound * this.#factor, target);
      else target = index === 0 ? LAST_BUCKET : Math.min(target + 1, LAST_BUCKET);
      buckets[target] = (buckets[target] ?? 0) + count;
    }
  }

  /** Bucket i is (base^(offset+i), base^(offset+i+1)], base 2^(2^-scale) (metrics.proto, ExponentialHistogramDataPoint). */
  #spreadExponential(): void {
    const { buckets } = this.#point;
    buckets[0] = (buckets[0] ?? 0) + this.#zeroCount;
    let target = 0;
    for (const [index, count] of this.#counts.entries()) {
      const upper = 2 ** ((this.#offset + index + 1) / 2 ** this.#scale);
      target = bucketUpTo(upper * this.#factor, target);
      buckets[target] = (buckets[target] ?? 0) + count;
    }
  }
}

function zigzag(value: number): number {
  // sint32, of which a negative number was written as an odd one.
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Of our buckets the first from `start` on that holds all up to `upperMs`. */
function bucketUpTo(upperMs: number, start: number): number {
  let target = start;
  while (target < LAST_BUCKET && (LATENCY_BOUNDS_MS[target] ?? 0) < upperMs) {
    target += 1;
  }
  return target;
}
