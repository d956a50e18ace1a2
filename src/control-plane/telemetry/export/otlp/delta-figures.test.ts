/** Cumulative figures become deltas: sums, histograms of both kinds, resets, and what was there before us. */
import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { resourceOf } from "../../../../../test/support/telemetry-records.ts";
import {
  AggregationTemporality,
  type MetricSchema,
  type ResourceMetrics,
  ResourceMetricsSchema,
} from "../../../../gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import { DeltaFigures } from "./delta-figures.ts";

const CUMULATIVE = AggregationTemporality.CUMULATIVE;
const START = 2_000_000n;

type Data = NonNullable<MessageInitShape<typeof MetricSchema>["data"]>;

const figures = (data: Data) => ({
  resource: resourceOf("checkout"),
  bytes: toBinary(
    ResourceMetricsSchema,
    create(ResourceMetricsSchema, { scopeMetrics: [{ metrics: [{ name: "m", data }] }] }),
  ),
});

const point = (timeUnixNano: bigint, startTimeUnixNano = START) => ({
  ...{ timeUnixNano, startTimeUnixNano },
});

function metricOf(converted: { readonly bytes: Uint8Array } | undefined) {
  assert.ok(converted);
  const message: ResourceMetrics = fromBinary(ResourceMetricsSchema, converted.bytes);
  return message.scopeMetrics[0]?.metrics[0]?.data;
}

const sum = (value: number, time: bigint, start = START) =>
  figures({
    case: "sum",
    value: {
      ...{ isMonotonic: true, aggregationTemporality: CUMULATIVE },
      dataPoints: [{ ...point(time, start), value: { case: "asDouble", value } }],
    },
  });

function sumOf(converted: { readonly bytes: Uint8Array } | undefined): readonly [number, bigint] {
  const data = metricOf(converted);
  assert.ok(data?.case === "sum");
  assert.equal(data.value.aggregationTemporality, AggregationTemporality.DELTA);
  const [one] = data.value.dataPoints;
  return [Number(one?.value.value), one?.startTimeUnixNano ?? 0n];
}

test("sums: what was added, resets, and repetitions", () => {
  const deltas = new DeltaFigures(1);
  assert.deepEqual(sumOf(deltas.convert(sum(10, 3_000_000n))), [10, START]);
  assert.deepEqual(sumOf(deltas.convert(sum(25, 4_000_000n))), [15, 3_000_000n]);
  assert.equal(deltas.convert(sum(25, 4_000_000n)), undefined);
  assert.deepEqual(sumOf(deltas.convert(sum(3, 6_000_000n, 5_000_000n))), [3, 5_000_000n]);
});

test("what has begun before us is not told a second time", () => {
  const deltas = new DeltaFigures(1000);
  assert.equal(deltas.convert(sum(10, 3_000_000n)), undefined);
  assert.deepEqual(sumOf(deltas.convert(sum(12, 4_000_000n))), [2, 3_000_000n]);
});

test("histograms, by bucket; exponential ones also when they get coarser", () => {
  const deltas = new DeltaFigures(1);
  const explicit = (counts: bigint[], total: number, time: bigint) =>
    figures({
      case: "histogram",
      value: {
        aggregationTemporality: CUMULATIVE,
        dataPoints: [
          {
            ...point(time),
            ...{ explicitBounds: [1, 5], bucketCounts: counts, sum: total, max: 9 },
            count: counts.reduce((a, b) => a + b),
          },
        ],
      },
    });
  deltas.convert(explicit([1n, 2n, 0n], 7, 3_000_000n));
  const data = metricOf(deltas.convert(explicit([1n, 4n, 1n], 30, 4_000_000n)));
  assert.ok(data?.case === "histogram");
  const [one] = data.value.dataPoints;
  assert.deepEqual(
    [one?.bucketCounts, one?.count, one?.sum, one?.max],
    [[0n, 2n, 1n], 3n, 23, undefined],
  );
  const exponential = (scale: number, offset: number, counts: bigint[], time: bigint) =>
    figures({
      case: "exponentialHistogram",
      value: {
        aggregationTemporality: CUMULATIVE,
        dataPoints: [
          {
            ...{ ...point(time), scale, sum: 1, zeroCount: 1n },
            ...{ positive: { offset, bucketCounts: counts } },
            count: 1n + counts.reduce((a, b) => a + b),
          },
        ],
      },
    });
  const other = new DeltaFigures(1);
  // Buckets 2 to 5 of scale 1 are buckets 1 to 2 of scale 0.
  other.convert(exponential(1, 2, [1n, 1n, 2n, 0n], 3_000_000n));
  const coarse = metricOf(other.convert(exponential(0, 1, [3n, 5n, 1n], 4_000_000n)));
  assert.ok(coarse?.case === "exponentialHistogram");
  const [two] = coarse.value.dataPoints;
  assert.deepEqual(
    [two?.positive?.bucketCounts, two?.count, two?.zeroCount],
    [[1n, 3n, 1n], 5n, 0n],
  );
});
