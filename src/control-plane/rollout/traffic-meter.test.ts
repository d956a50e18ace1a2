import assert from "node:assert/strict";
import { test } from "node:test";
import { readGate } from "./gate-reading.ts";
import type { Gate } from "./rollout-plan.ts";
import { readSidecarSeries } from "./sidecar-series.ts";
import { TrafficMeter } from "./traffic-meter.ts";
import { addTraffic, NO_TRAFFIC, percentileMs, type VersionTraffic } from "./version-traffic.ts";

const WANTED = new Set(["default/catalog-v1", "default/catalog-v2"]);

interface Line {
  readonly service?: string;
  readonly reporter?: string;
  readonly code?: string;
  readonly more?: string;
}

function requests(count: number, line: Line = {}): string {
  return `istio_requests_total{${labels(line)}} ${count}\n`;
}

function bucket(le: string, count: number, line: Line = {}): string {
  return `istio_request_duration_milliseconds_bucket{${labels(line)},le="${le}"} ${count}\n`;
}

function labels({
  service = "catalog-v2",
  reporter = "source",
  code = "200",
  more = "",
}: Line): string {
  return `reporter="${reporter}",destination_service_name="${service}",destination_service_namespace="default",response_code="${code}"${more}`;
}

function seriesOf(text: string) {
  return readSidecarSeries(text, WANTED);
}

function take(
  meter: TrafficMeter,
  texts: Readonly<Record<string, string>>,
  known = Object.keys(texts),
) {
  const readings = new Map(Object.entries(texts).map(([proxy, text]) => [proxy, seriesOf(text)]));
  return meter.take(readings, new Set(known));
}

test("only the callers' view of the services asked for is read, and failures are told", () => {
  const found = seriesOf(
    [
      "# TYPE istio_requests_total counter\n",
      requests(5),
      requests(1, { code: "503" }),
      requests(1, { code: "0" }),
      requests(2, { more: ',grpc_response_status="0"' }),
      requests(3, { more: ',grpc_response_status="14"' }),
      requests(4, { more: ',grpc_response_status="5"' }),
      requests(9, { reporter: "destination" }),
      requests(9, { service: "cart" }),
      'istio_requests_total{reporter="source"} broken\n',
    ].join(""),
  );
  assert.deepEqual([...found.keys()], ["default/catalog-v2"]);
  const counted = [...(found.get("default/catalog-v2")?.requests.values() ?? [])];
  assert.deepEqual(
    counted.map(({ count, isFailure }) => [count, isFailure]),
    [
      [5, false],
      [1, true],
      [1, true],
      [2, false],
      [3, true],
      [4, false],
    ],
  );
});

test("counting begins at a proxy's first look, and goes on over its restart", () => {
  const meter = new TrafficMeter();
  const count = (texts: Readonly<Record<string, string>>, known?: string[]) =>
    take(meter, texts, known).get("default/catalog-v2")?.requests ?? 0;
  assert.equal(count({ a: requests(100) }), 0);
  assert.equal(count({ a: requests(110) }), 10);
  assert.equal(count({ a: requests(115), b: requests(50) }), 5);
  // One that does not answer is caught up with.
  assert.equal(count({ b: requests(51) }, ["a", "b"]), 1);
  assert.equal(count({ a: requests(120), b: requests(51) }), 5);
  // A series that comes up later counts from zero, and so does a process that was started again.
  assert.equal(count({ a: requests(120) + requests(3, { code: "500" }), b: requests(4) }), 7);
  // One that went is forgotten.
  assert.equal(count({ a: requests(120) + requests(3, { code: "500" }) }), 0);
  assert.equal(count({ b: requests(60) }, ["a", "b"]), 0);
});

test("percentiles are interpolated within their bucket", () => {
  const meter = new TrafficMeter();
  take(meter, { a: "" });
  const text = bucket("50", 50) + bucket("100", 90) + bucket("250", 100) + bucket("+Inf", 100);
  const traffic = take(meter, { a: requests(100) + text }).get("default/catalog-v2") ?? NO_TRAFFIC;
  assert.equal(percentileMs(traffic, 50), 50);
  assert.equal(percentileMs(traffic, 90), 100);
  assert.equal(percentileMs(traffic, 95), 175);
  assert.equal(percentileMs(addTraffic(NO_TRAFFIC, traffic), 95), 175);
  assert.ok(Number.isNaN(percentileMs(NO_TRAFFIC, 95)));
  const slow: VersionTraffic = {
    requests: 1,
    failures: 0,
    durations: new Map([
      [10, 0],
      [Number.POSITIVE_INFINITY, 1],
    ]),
  };
  assert.equal(percentileMs(slow, 95), 10);
});

test("a gate passes, fails, or has too few requests to say", () => {
  const gate: Gate = { name: "rate", measure: { kind: "success-rate" }, min: 99, max: undefined };
  const traffic = (requestCount: number, failures: number): VersionTraffic => ({
    requests: requestCount,
    failures,
    durations: new Map(),
  });
  const read = (one: VersionTraffic) => readGate(gate, one, 20, () => undefined);
  assert.deepEqual(read(traffic(19, 19)), { verdict: "Inconclusive", value: "19 of 20 requests" });
  assert.deepEqual(read(traffic(1000, 10)), { verdict: "Passed", value: "99 %", figure: 99 });
  assert.deepEqual(read(traffic(1000, 11)), { verdict: "Failed", value: "98.9 %", figure: 98.9 });
  const query: Gate = {
    name: "q",
    measure: { kind: "prometheus", address: "", query: "" },
    min: undefined,
    max: 5,
  };
  const ask = (answer: { value: number } | { error: string } | undefined) =>
    readGate(query, NO_TRAFFIC, 20, () => answer).verdict;
  assert.deepEqual(
    [
      ask({ value: 5 }),
      ask({ value: 5.1 }),
      ask({ value: Number.NaN }),
      ask({ error: "x" }),
      ask(undefined),
    ],
    ["Passed", "Failed", "Inconclusive", "Inconclusive", "Inconclusive"],
  );
});
