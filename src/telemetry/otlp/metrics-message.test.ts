/** OTLP messages of ours as others read them, and which series are told again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { OTLP_METRICS_SERIES_PER_MESSAGE } from "../../core/limits.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.js";
import { MetricRegistry } from "../metric-registry.ts";
import { type FamilySnapshot, snapshotOf } from "../metric-snapshot.ts";
import { OtlpMetricsChanges } from "./metrics-changes.ts";
import { OtlpMetricsMessage } from "./metrics-message.ts";

const START_MS = Date.UTC(2026, 0, 1);
const LONG = "ü".repeat(200);

function changes(isExponential = false): OtlpMetricsChanges {
  const resource = { "service.name": "cart", "service.instance.id": "cart-1" };
  const scope = { name: "tulle", version: "1" };
  return new OtlpMetricsChanges(
    new OtlpMetricsMessage({ resource, scope, isExponential }),
    START_MS,
  );
}

interface Told {
  readonly metrics: readonly Metric[];
  readonly taken: () => void;
}

function tell(
  from: OtlpMetricsChanges,
  families: readonly FamilySnapshot[],
  nowMs: number,
  includesAll = false,
): Told {
  const batches = [...from.batches(families, nowMs, includesAll)];
  const metrics = batches.flatMap(({ bytes }) => {
    const { resourceMetrics } = fromBinary(ExportMetricsServiceRequestSchema, bytes);
    assert.equal(resourceMetrics.length, 1);
    const [first] = resourceMetrics;
    assert.deepEqual(
      first?.resource?.attributes.map(({ key, value }) => [key, value?.value.value]),
      [
        ["service.name", "cart"],
        ["service.instance.id", "cart-1"],
      ],
    );
    assert.equal(first?.scopeMetrics[0]?.scope?.name, "tulle");
    return first?.scopeMetrics[0]?.metrics ?? [];
  });
  return {
    metrics,
    taken: () => {
      for (const batch of batches) batch.taken();
    },
  };
}

test("numbers and histograms are read back as they were, with labels of any length", () => {
  const registry = new MetricRegistry();
  registry.counter("requests_total", "Requests.").with({ path: LONG, code: "200" }).value = 2 ** 40;
  registry.gauge("open", "Open.").with({}).set(-1.5);
  const duration = registry.histogram("took_milliseconds", "Took.", [1, 10]).with({ a: "b" });
  for (const value of [0.5, 5, 50, 60]) duration.observe(value);
  const { metrics } = tell(changes(), snapshotOf(registry.families()), START_MS + 5_000);
  const [open, requests, took] = metrics;
  assert.ok(open?.data.case === "gauge" && requests?.data.case === "sum");
  assert.ok(took?.data.case === "histogram");
  assert.deepEqual(open.data.value.dataPoints[0]?.value, { case: "asDouble", value: -1.5 });
  assert.equal(requests.name, "requests_total");
  assert.ok(requests.data.value.isMonotonic);
  assert.equal(requests.data.value.aggregationTemporality, 2);
  const [sum] = requests.data.value.dataPoints;
  assert.deepEqual(sum?.value, { case: "asDouble", value: 2 ** 40 });
  assert.equal(sum?.startTimeUnixNano, BigInt(START_MS) * 1_000_000n);
  assert.equal(sum?.timeUnixNano, BigInt(START_MS + 5_000) * 1_000_000n);
  assert.deepEqual(
    sum?.attributes.map(({ key, value }) => [key, value?.value.value]),
    [
      ["path", LONG],
      ["code", "200"],
    ],
  );
  assert.equal(took.unit, "ms");
  assert.equal(took.data.value.aggregationTemporality, 2);
  const [point] = took.data.value.dataPoints;
  assert.deepEqual(point?.explicitBounds, [1, 10]);
  assert.deepEqual(point?.bucketCounts, [1n, 1n, 2n]);
  assert.deepEqual([point?.count, point?.sum], [4n, 115.5]);
  assert.equal(point?.attributes[0]?.key, "a");
});

test("exemplars bring their trace", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const exemplars = [
    { value: 5, timeMs: START_MS + 1, traceId, spanId: "00f067aa0ba902b7" },
    { value: 50, timeMs: START_MS + 2, traceId, spanId: "" },
  ];
  const value = { bounds: [10], counts: [1, 1], sum: 55, count: 2, exemplars };
  const family: FamilySnapshot = {
    ...({ name: "took", help: "", type: "histogram", merge: "sum" } as const),
    series: [{ key: "k", labels: {}, value }],
  };
  const [took] = tell(changes(), [family], START_MS + 3).metrics;
  assert.ok(took?.data.case === "histogram");
  const told = took.data.value.dataPoints[0]?.exemplars ?? [];
  assert.deepEqual(
    told.map(({ traceId: id, spanId, value: { value: amount } }) => [
      Buffer.from(id).toString("hex"),
      Buffer.from(spanId).toString("hex"),
      amount,
    ]),
    [
      [traceId, "00f067aa0ba902b7", 5],
      [traceId, "", 50],
    ],
  );
  assert.equal(told[0]?.timeUnixNano, BigInt(START_MS + 1) * 1_000_000n);
});

test("what was taken is told again only when it changes, or when all is", () => {
  const registry = new MetricRegistry();
  const requests = registry.counter("requests_total", "Requests.");
  requests.with({ code: "200" }).value = 1;
  requests.with({ code: "500" }).value = 1;
  const from = changes();
  const look = (seconds: number, includesAll = false): Told =>
    tell(from, snapshotOf(registry.families()), START_MS + seconds * 1_000, includesAll);
  const codes = ({ metrics: [first] }: Told): unknown[] => {
    if (first === undefined) return [];
    assert.ok(first.data.case === "sum");
    return first.data.value.dataPoints.map(({ attributes }) => attributes[0]?.value?.value.value);
  };
  assert.deepEqual(codes(look(1)), ["200", "500"]);
  const second = look(2);
  assert.deepEqual(codes(second), ["200", "500"], "nobody took the first");
  second.taken();
  assert.deepEqual(codes(look(3)), []);
  requests.with({ code: "500" }).value += 1;
  const fourth = look(4);
  assert.deepEqual(codes(fourth), ["500"]);
  fourth.taken();
  assert.deepEqual(codes(look(5, true)), ["200", "500"]);
});

test("a count that begins anew says since when", () => {
  const of = (value: number): readonly FamilySnapshot[] => [
    {
      ...({ name: "n_total", help: "", type: "counter", merge: "sum" } as const),
      series: [{ key: "k", labels: {}, value }],
    },
  ];
  const from = changes();
  const startOf = ({ metrics: [first] }: Told): number => {
    assert.ok(first?.data.case === "sum");
    return Number(first.data.value.dataPoints[0]?.startTimeUnixNano ?? 0n) / 1e6 - START_MS;
  };
  assert.equal(startOf(tell(from, of(5), START_MS + 1_000)), 0);
  assert.equal(startOf(tell(from, of(6), START_MS + 2_000)), 0);
  assert.equal(startOf(tell(from, of(2), START_MS + 3_000)), 2_000);
  assert.equal(startOf(tell(from, of(3), START_MS + 4_000)), 2_000);
  tell(from, [], START_MS + 5_000);
  const gone = [{ ...of(0)[0]!, series: [] }];
  tell(from, gone, START_MS + 6_000);
  assert.equal(startOf(tell(from, of(1), START_MS + 7_000)), 6_000);
});

test("many series come in several messages, and none is lost", () => {
  const registry = new MetricRegistry();
  const requests = registry.counter("requests_total", "Requests.");
  const count = OTLP_METRICS_SERIES_PER_MESSAGE * 2 + 7;
  for (let i = 0; i < count; i++) requests.with({ i: String(i) }).value = i + 1;
  const from = changes();
  const batches = [...from.batches(snapshotOf(registry.families()), START_MS + 1, false)];
  assert.equal(batches.length, 3);
  // One of three is lost.
  batches[0]?.taken();
  batches[2]?.taken();
  const again = tell(from, snapshotOf(registry.families()), START_MS + 2);
  const points = again.metrics.flatMap(({ data }) =>
    data.case === "sum" ? data.value.dataPoints : [],
  );
  assert.equal(points.length, OTLP_METRICS_SERIES_PER_MESSAGE);
});

test("exponential histograms are read back, with labels and exemplars", () => {
  const registry = new MetricRegistry();
  registry.useExponential();
  const took = registry.histogram("took_milliseconds", "Took.", [1, 10]).with({ side: LONG });
  for (const value of [0, 1, 2, 3, 4, 1_000]) took.observe(value);
  took.addExemplar(2, 1_000, new Int32Array([0, 0, 0, 7, 0, 9]), START_MS + 1);
  const [metric] = tell(changes(true), snapshotOf(registry.families()), START_MS + 2).metrics;
  assert.ok(metric?.data.case === "exponentialHistogram");
  assert.equal(metric.data.value.aggregationTemporality, 2);
  const [point] = metric.data.value.dataPoints;
  assert.ok(point);
  assert.deepEqual([point.count, point.sum, point.zeroCount], [6n, 1_010, 1n]);
  assert.equal(point.attributes[0]?.value?.value.value, LONG);
  assert.equal(point.exemplars[0]?.traceId.at(-1), 7);
  const base = 2 ** (2 ** -point.scale);
  const { offset = 0, bucketCounts = [] } = point.positive ?? {};
  const upper = bucketCounts.flatMap((count, at) =>
    count === 0n ? [] : [[Math.log2(base ** (offset + at + 1)), count] as const],
  );
  assert.equal(
    upper.reduce((sum, [, count]) => sum + count, 0n),
    5n,
  );
  const bounds = upper.map(([bound]) => 2 ** bound);
  for (const value of [1, 2, 3, 4, 1_000]) {
    const bound = bounds.find((one) => value <= one * (1 + 1e-9));
    assert.ok(bound !== undefined && bound <= value * base * (1 + 1e-9), `${value}: ${bounds}`);
  }
});
