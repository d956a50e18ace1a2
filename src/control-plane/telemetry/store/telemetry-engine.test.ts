/** The telemetry store by itself: what outlives a restart and a killed process, and that it stays within its bounds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { counter, durations, gauge } from "../../../../test/support/otlp-sender.ts";
import { ExportMetricsServiceRequestSchema } from "../../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import {
  ROUTE_DURATION_BOUNDS,
  ROUTE_DURATIONS,
} from "../../../telemetry/request-metrics-routes.ts";
import type { AccessLogView } from "../../telemetry-types.ts";
import { resourceStep } from "./resource-ingest.ts";
import type { StoredLog } from "./store-protocol.ts";
import { TelemetryEngine } from "./telemetry-engine.ts";
import { RESOURCES } from "./traffic-key.ts";
import { bucketOf } from "./traffic-slots.ts";

const START_MS = Date.UTC(2026, 10, 26, 8, 0, 0);
const HOUR_MS = 3_600_000;
const MEGABYTE = 1024 * 1024;
const TELLER = { namespace: "default", service: "catalog", instance: "catalog-a", principal: "" };
const LABELS = {
  reporter: "destination",
  destination_service_name: "catalog",
  destination_service_namespace: "default",
  request_protocol: "http",
  response_code: "200",
};

function temporaryPath(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tulle-telemetry-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "telemetry.db");
}

function open(path: string, nowMs: number, sizeBytesMax = 512 * MEGABYTE): TelemetryEngine {
  return new TelemetryEngine({ path, retentionMs: 24 * HOUR_MS, sizeBytesMax }, nowMs);
}

/** A push of a proxy that was started at START_MS. */
function pushed(requests: number, timeMs: number, startMs = START_MS): Uint8Array {
  const times = { startMs, timeMs };
  return toBinary(
    ExportMetricsServiceRequestSchema,
    create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                counter("istio_requests_total", LABELS, requests, times),
                durations(LABELS, new Array<number>(requests).fill(3), times),
              ],
            },
          ],
        },
      ],
    }),
  );
}

function requestsOf(engine: TelemetryEngine, nowMs: number, windowMs = HOUR_MS): number {
  const query = { fromMs: nowMs - windowMs, toMs: nowMs, by: [], where: {}, hasSteps: false };
  const { rows } = engine.ask("traffic", query, nowMs);
  const [row] = rows;
  const inBuckets = row?.totals.buckets.reduce((sum, count) => sum + count, 0) ?? 0;
  assert.equal(inBuckets, row?.totals.requests ?? 0, "both families count the same");
  return row?.totals.requests ?? 0;
}

test("times that were told in seconds are shown in milliseconds, whatever is above the last bound", (context) => {
  const engine = open(temporaryPath(context), START_MS);
  const nowMs = START_MS + 5_000;
  const labels = { destination_service_name: "catalog", route: "all", backend: "catalog" };
  const family = { name: ROUTE_DURATIONS, bounds: ROUTE_DURATION_BOUNDS };
  const times = { startMs: START_MS, timeMs: nowMs };
  const metrics = [durations(labels, [0.004, 0.2, 7], { ...times, family })];
  const request = create(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [{ scopeMetrics: [{ metrics }] }],
  });
  engine.addMetrics(toBinary(ExportMetricsServiceRequestSchema, request), [TELLER], nowMs);
  const query = { fromMs: START_MS, toMs: nowMs, by: [], hasSteps: false };
  const { rows } = engine.ask("traffic", { ...query, where: { reporter: "route" } }, nowMs);
  assert.equal(rows[0]?.totals.durationSumMs, 7204);
  const used = [...(rows[0]?.totals.buckets ?? [])].flatMap((count, at) => (count > 0 ? [at] : []));
  assert.deepEqual(used, [4, 200, 7000].map(bucketOf));
  engine.close(nowMs);
});

test("of each trace one exemplar is shown, however often it was told", (context) => {
  const engine = open(temporaryPath(context), START_MS);
  const traces = ["a", "b"].map((digit) => digit.repeat(32));
  for (const [push, traceId] of [traces[0], traces[1], traces[0]].entries()) {
    const nowMs = START_MS + (push + 1) * 5_000;
    const reported = ["destination", "source"].map((reporter) =>
      durations({ ...LABELS, reporter }, new Array<number>(push + 1).fill(3), {
        ...{ startMs: START_MS, timeMs: nowMs },
        ...(traceId === undefined ? {} : { traceId }),
      }),
    );
    const request = create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [{ scopeMetrics: [{ metrics: reported }] }],
    });
    engine.addMetrics(toBinary(ExportMetricsServiceRequestSchema, request), [TELLER], nowMs);
  }
  const nowMs = START_MS + 20_000;
  engine.flush(nowMs);
  const shown = engine.ask("exemplars", { fromMs: START_MS, toMs: nowMs, limit: 10 }, nowMs);
  assert.deepEqual(shown.map(({ traceId }) => traceId).sort(), traces);
  engine.close(nowMs);
});

/** What its app's and its own CPU were used for, and memory, as a proxy tells it. */
function resources(cpuSeconds: number, bytes: number, timeMs: number): Uint8Array {
  const times = { startMs: START_MS, timeMs };
  const metrics = [
    counter("process_cpu_seconds_total", {}, cpuSeconds, times),
    gauge("process_resident_memory_bytes", {}, bytes, timeMs),
  ];
  return toBinary(
    ExportMetricsServiceRequestSchema,
    create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [{ scopeMetrics: [{ metrics }] }],
    }),
  );
}

test("CPU and memory of an instance are known over time, and outlive a restart", (context) => {
  const path = temporaryPath(context);
  let engine = open(path, START_MS);
  for (let push = 0; push <= 12; push++) {
    const nowMs = START_MS + push * 5_000;
    engine.addMetrics(resources(push * 2.5, 64 * MEGABYTE, nowMs), [TELLER], nowMs);
  }
  engine.close(START_MS + 61_000);
  engine = open(path, START_MS + 62_000);
  const { rows, stepMs } = engine.ask(
    "traffic",
    {
      ...{ fromMs: START_MS, toMs: START_MS + 60_000, hasSteps: true },
      by: ["destinationNamespace", "instance"],
      where: { reporter: RESOURCES },
    },
    START_MS + 62_000,
  );
  assert.deepEqual(
    rows.map(({ key }) => key),
    [["default", "catalog-a"]],
  );
  const steps = rows[0]?.steps;
  assert.ok(steps !== undefined);
  // Half a core all the time.
  const told = resourceStep(steps, 2, stepMs);
  assert.equal(told.sidecarMemoryBytes, 64 * MEGABYTE);
  assert.ok(Math.abs((told.sidecarCpuCores ?? 0) - 0.5) < 1e-3, `${told.sidecarCpuCores} cores`);
  assert.deepEqual([told.appCpuCores, told.appMemoryBytes], [null, null]);
  assert.equal(requestsOf(engine, START_MS + 62_000), 0);
  engine.close(START_MS + 62_000);
});

function log(timeMs: number, path: string): StoredLog {
  const view = {
    time: new Date(timeMs).toISOString(),
    reporter: "source",
    source: { namespace: "default", name: "cart" },
    destination: { namespace: "default", name: "catalog" },
    ...{ instance: "cart-a", method: "GET", path, authority: "catalog", protocol: "HTTP/1.1" },
    ...{ responseCode: 200, grpcStatus: null, flags: "-", details: null, durationMs: 1 },
    ...{ bytesReceived: 0, bytesSent: 0, attempts: 1, route: null, upstreamHost: null },
    ...{ requestId: null, traceId: null, spanId: null, captured: {} },
  } satisfies AccessLogView;
  return { view, isError: false, cluster: "" };
}

test("a restart goes on where it was: nothing is lost and nothing counted twice", (context) => {
  const path = temporaryPath(context);
  let engine = open(path, START_MS);
  engine.addMetrics(pushed(10, START_MS + 5_000), [TELLER], START_MS + 5_000);
  engine.addMetrics(pushed(25, START_MS + 10_000), [TELLER], START_MS + 10_000);
  engine.close(START_MS + 12_000);
  // It is away for a while; the proxy counts on.
  engine = open(path, START_MS + 60_000);
  assert.equal(requestsOf(engine, START_MS + 60_000), 25);
  engine.addMetrics(pushed(40, START_MS + 61_000), [TELLER], START_MS + 61_000);
  assert.equal(requestsOf(engine, START_MS + 62_000), 40);
  // Told again, as after an answer that was lost.
  engine.addMetrics(pushed(40, START_MS + 61_000), [TELLER], START_MS + 63_000);
  assert.equal(requestsOf(engine, START_MS + 64_000), 40);
  engine.close(START_MS + 65_000);
});

test("a day later the same requests are there, in wider steps", (context) => {
  const path = temporaryPath(context);
  const engine = open(path, START_MS);
  let requests = 0;
  let nowMs = START_MS;
  for (let minute = 0; minute < 180; minute++) {
    nowMs = START_MS + minute * 60_000 + 30_000;
    requests += minute + 1;
    engine.addMetrics(pushed(requests, nowMs), [TELLER], nowMs);
    engine.flush(nowMs);
  }
  assert.equal(requestsOf(engine, nowMs + 1, 20 * HOUR_MS), requests);
  assert.equal(requestsOf(engine, nowMs + 1, 4 * HOUR_MS), requests);
  engine.close(nowMs);
  const again = open(path, START_MS + 25 * HOUR_MS);
  again.flush(START_MS + 25 * HOUR_MS);
  // The first hour is older than what is kept.
  const left = requestsOf(again, START_MS + 25 * HOUR_MS, 26 * HOUR_MS);
  assert.ok(left > 0 && left < requests, `${left} of ${requests}`);
  again.close(START_MS + 25 * HOUR_MS);
});

test("a proxy that ran long before the store did counts from its first push on", (context) => {
  const engine = open(temporaryPath(context), START_MS + HOUR_MS);
  const nowMs = START_MS + HOUR_MS + 5_000;
  engine.addMetrics(pushed(1_000, nowMs), [TELLER], nowMs);
  assert.equal(requestsOf(engine, nowMs + 1), 0);
  engine.addMetrics(pushed(1_007, nowMs + 5_000), [TELLER], nowMs + 5_000);
  assert.equal(requestsOf(engine, nowMs + 6_000), 7);
  engine.close(nowMs + 6_000);
});

test("the file stays within its bound, and the oldest goes first", (context) => {
  const path = temporaryPath(context);
  const bound = 4 * MEGABYTE;
  const engine = open(path, START_MS, bound);
  let nowMs = START_MS;
  for (let batch = 0; batch < 60; batch++) {
    nowMs += 60_000;
    const filler = "x".repeat(1_000);
    engine.addLogs(
      Array.from({ length: 200 }, (_, index) => log(nowMs, `/${batch}/${index}/${filler}`)),
    );
    engine.flush(nowMs);
  }
  const { sizeBytes } = engine.flush(nowMs);
  assert.ok(statSync(path).size <= bound * 1.1, `${statSync(path).size} bytes`);
  // Beside the file lies what SQLite has yet to bring into it.
  assert.ok(sizeBytes <= bound * 1.1 + 8 * MEGABYTE, `${sizeBytes} bytes with its log`);
  const { logs } = engine.ask("logs", { fromMs: 0, toMs: nowMs + 1, limit: 1000 }, nowMs);
  assert.ok(logs.length > 0);
  assert.match(logs[0]?.path ?? "", /^\/59\//);
  engine.close(nowMs);
});

test("a file that cannot be read is set aside, and telemetry begins anew", (context) => {
  const path = temporaryPath(context);
  writeFileSync(path, "this is no database, and never was one");
  const engine = open(path, START_MS);
  assert.match(engine.setAside?.path ?? "", /damaged/);
  assert.ok(statSync(engine.setAside?.path ?? "").size > 0);
  engine.addMetrics(pushed(3, START_MS + 1_000), [TELLER], START_MS + 1_000);
  assert.equal(requestsOf(engine, START_MS + 2_000), 3);
  engine.close(START_MS + 3_000);
});

test("killed at any moment it opens again, with all that was written down", {
  timeout: 60_000,
}, async (context) => {
  const path = temporaryPath(context);
  const module = new URL("./telemetry-engine.ts", import.meta.url).href;
  for (let kill = 0; kill < 4; kill++) {
    const script = `
      const { TelemetryEngine } = await import(${JSON.stringify(module)});
      const bytes = Uint8Array.from(Buffer.from(${JSON.stringify(
        Buffer.from(pushed(100 * (kill + 1), START_MS + 5_000)).toString("base64"),
      )}, "base64"));
      let nowMs = ${START_MS + kill * 60_000};
      const engine = new TelemetryEngine(
        { path: ${JSON.stringify(path)}, retentionMs: ${24 * HOUR_MS}, sizeBytesMax: ${512 * MEGABYTE} }, nowMs);
      engine.addMetrics(bytes, [${JSON.stringify(TELLER)}], nowMs);
      engine.flush(nowMs);
      process.stdout.write("flushed");
      for (;;) {
        nowMs += 10;
        engine.addLogs([${JSON.stringify(log(START_MS, "/"))}]);
        engine.flush(nowMs);
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const nowMs = START_MS + kill * 60_000 + 30_000;
    const engine = open(path, nowMs);
    assert.equal(engine.setAside, undefined, "it is sound");
    assert.equal(requestsOf(engine, nowMs), 100 * (kill + 1));
    engine.close(nowMs);
  }
});
