/**
 * Cumulative figures as what was added since the last time, for targets that want deltas. What a series was last is kept, of
 * a bounded number of series; a series that is new here and older than we are gives no delta the first time, since others may
 * have been told of it already.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AggregationTemporality,
  type ExponentialHistogramDataPoint,
  type ExponentialHistogramDataPoint_Buckets,
  ExponentialHistogramDataPoint_BucketsSchema,
  type HistogramDataPoint,
  type Metric,
  type NumberDataPoint,
  ResourceMetricsSchema,
} from "../../../../gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import type { ResourceFigures } from "../export-target.ts";

/** A large mesh has fewer; each takes about a kilobyte. */
const SERIES_MAX = 100_000;

const CUMULATIVE = AggregationTemporality.CUMULATIVE;
const DELTA = AggregationTemporality.DELTA;

type Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint;

export class DeltaFigures {
  readonly #startNs: bigint;
  readonly #seriesMax: number;
  /** The one that was used last is at the end. */
  readonly #last = new Map<string, Point>();

  /** `nowMs`: series that have begun before it are known to others already. */
  constructor(nowMs: number, seriesMax = SERIES_MAX) {
    this.#startNs = BigInt(Math.trunc(nowMs)) * 1_000_000n;
    this.#seriesMax = seriesMax;
  }

  /** Undefined when nothing is left to tell. */
  convert({ resource, bytes }: ResourceFigures): ResourceFigures | undefined {
    const message = fromBinary(ResourceMetricsSchema, bytes);
    const prefix = `${resource.namespace}/${resource.service}/${resource.instance}`;
    for (const scope of message.scopeMetrics) {
      const name = `${prefix}/${scope.scope?.name ?? ""}`;
      scope.metrics = scope.metrics.filter((metric) => this.#convertMetric(metric, name));
    }
    message.scopeMetrics = message.scopeMetrics.filter(({ metrics }) => metrics.length > 0);
    if (message.scopeMetrics.length === 0) return undefined;
    return { resource, bytes: toBinary(ResourceMetricsSchema, message) };
  }

  /** False when no point is left. Gauges, and sums that go up and down, stay as they are. */
  #convertMetric({ name, data }: Metric, prefix: string): boolean {
    const key = `${prefix}/${name}`;
    switch (data.case) {
      case "sum": {
        if (!data.value.isMonotonic || data.value.aggregationTemporality !== CUMULATIVE)
          return true;
        data.value.aggregationTemporality = DELTA;
        data.value.dataPoints = this.#deltas(key, data.value.dataPoints, numberDelta);
        return data.value.dataPoints.length > 0;
      }
      case "histogram": {
        if (data.value.aggregationTemporality !== CUMULATIVE) return true;
        data.value.aggregationTemporality = DELTA;
        data.value.dataPoints = this.#deltas(key, data.value.dataPoints, histogramDelta);
        return data.value.dataPoints.length > 0;
      }
      case "exponentialHistogram": {
        if (data.value.aggregationTemporality !== CUMULATIVE) return true;
        data.value.aggregationTemporality = DELTA;
        data.value.dataPoints = this.#deltas(key, data.value.dataPoints, exponentialDelta);
        return data.value.dataPoints.length > 0;
      }
      default:
        return true;
    }
  }

  #deltas<P extends Point>(
    metric: string,
    points: readonly P[],
    subtract: (point: P, before: P) => P | undefined,
  ): P[] {
    return points.flatMap((point): readonly P[] => {
      const key = `${metric}/${attributesKey(point)}`;
      const before = this.#last.get(key) as P | undefined;
      this.#remember(key, point);
      // Data model, "Resets and Gaps": another start means that it has begun at zero again.
      if (before === undefined || before.startTimeUnixNano !== point.startTimeUnixNano) {
        const isOurs = before !== undefined || point.startTimeUnixNano >= this.#startNs;
        return isOurs ? [point] : [];
      }
      if (point.timeUnixNano <= before.timeUnixNano) return [];
      const delta = subtract(point, before);
      return [delta ?? point];
    });
  }

  #remember(key: string, point: Point): void {
    this.#last.delete(key);
    this.#last.set(key, point);
    if (this.#last.size <= this.#seriesMax) return;
    const [oldest] = this.#last.keys();
    if (oldest !== undefined) this.#last.delete(oldest);
  }
}

function attributesKey({ attributes }: Point): string {
  const pairs = attributes.map(({ key, value }) => [key, String(value?.value.value)] as const);
  return JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Undefined, all three, when it has begun at zero again without saying so. */
function numberDelta(point: NumberDataPoint, before: NumberDataPoint): NumberDataPoint | undefined {
  const value = subtractValues(point.value, before.value);
  return value && { ...point, startTimeUnixNano: before.timeUnixNano, value };
}

type NumberValue = NumberDataPoint["value"];

function subtractValues(now: NumberValue, before: NumberValue): NumberValue | undefined {
  if (now.case === "asInt" && before.case === "asInt") {
    return now.value < before.value
      ? undefined
      : { case: "asInt", value: now.value - before.value };
  }
  const [a, b] = [Number(now.value ?? 0), Number(before.value ?? 0)];
  return a < b ? undefined : { case: "asDouble", value: a - b };
}

/** The least and the greatest are of all time: they are left out. */
function histogramDelta(
  point: HistogramDataPoint,
  before: HistogramDataPoint,
): HistogramDataPoint | undefined {
  const isSame = point.explicitBounds.join() === before.explicitBounds.join();
  if (!isSame || point.count < before.count) return undefined;
  const { min: _min, max: _max, ...rest } = point;
  return {
    ...rest,
    startTimeUnixNano: before.timeUnixNano,
    count: point.count - before.count,
    sum: (point.sum ?? 0) - (before.sum ?? 0),
    bucketCounts: point.bucketCounts.map(
      (count, index) => count - (before.bucketCounts[index] ?? 0n),
    ),
  };
}

function exponentialDelta(
  point: ExponentialHistogramDataPoint,
  before: ExponentialHistogramDataPoint,
): ExponentialHistogramDataPoint | undefined {
  // A scale only gets coarser; finer again means another histogram.
  if (point.count < before.count || point.scale > before.scale) return undefined;
  if (point.zeroThreshold !== before.zeroThreshold) return undefined;
  const steps = before.scale - point.scale;
  const { min: _min, max: _max, ...rest } = point;
  return {
    ...rest,
    startTimeUnixNano: before.timeUnixNano,
    count: point.count - before.count,
    sum: (point.sum ?? 0) - (before.sum ?? 0),
    zeroCount: point.zeroCount - before.zeroCount,
    positive: bucketsDelta(point.positive, before.positive, steps),
    negative: bucketsDelta(point.negative, before.negative, steps),
  };
}

/** Data model, "Exponential Scale": each step joins two buckets, those with index 2n and 2n + 1. */
function bucketsDelta(
  now: ExponentialHistogramDataPoint_Buckets | undefined,
  before: ExponentialHistogramDataPoint_Buckets | undefined,
  steps: number,
): ExponentialHistogramDataPoint_Buckets {
  const offset = now?.offset ?? 0;
  const bucketCounts = [...(now?.bucketCounts ?? [])];
  for (const [index, count] of (before?.bucketCounts ?? []).entries()) {
    const place = Math.floor(((before?.offset ?? 0) + index) / 2 ** steps) - offset;
    const current = bucketCounts[place];
    if (current !== undefined) bucketCounts[place] = current < count ? 0n : current - count;
  }
  return create(ExponentialHistogramDataPoint_BucketsSchema, { offset, bucketCounts });
}
