/**
 * Traces, logs and metrics in a real collector of OpenTelemetry: by gRPC with certificates on both sides, and by HTTP; complete, in
 * order, and through 30 s without it.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CHECKOUT_SPANS, checkout, shapeOf, startCheckoutMesh } from "../support/checkout-mesh.ts";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { writeServerCertificate } from "../support/server-certificate.ts";
import { accessLogs, checkoutTrace, countedRequests } from "../support/telemetry-records.ts";
import { collectorPeer } from "./otel-collector.ts";
import { temporaryFolder } from "./peer-process.ts";
import { RestartablePeer } from "./restartable-peer.ts";

const { folder, skip } = await collectorPeer();
const OUTAGE_MS = 30_000;
const PER_SECOND = 50;

interface Ports {
  readonly grpc: number;
  readonly http: number;
}

async function startCollector(t: TestContext, { grpc, http }: Ports) {
  const files = temporaryFolder(t);
  const server = writeServerCertificate(files, "collector", ["127.0.0.1"]);
  const client = writeServerCertificate(files, "tulle", ["tulle.example"]);
  const config = join(files, "config.yaml");
  writeFileSync(
    config,
    `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:${grpc}
        tls: {cert_file: ${server.certificateFile}, key_file: ${server.keyFile}, client_ca_file: ${client.certificateFile}}
      http:
        endpoint: 127.0.0.1:${http}
exporters:
  debug: {verbosity: detailed}
service:
  telemetry:
    logs: {level: info, output_paths: [stdout]}
    metrics: {level: none}
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
    logs: {receivers: [otlp], exporters: [debug]}
    metrics: {receivers: [otlp], exporters: [debug]}
`,
  );
  const peer = await RestartablePeer.start(t, {
    program: join(folder, "otelcol"),
    args: ["--config", config],
    // It takes POST alone.
    readyUrl: `http://127.0.0.1:${http}/v1/traces`,
    readyStatus: 405,
  });
  return { peer, server, client };
}

/** What the attribute `url.path` of each log record is, in the order that they came in. */
const paths = (output: string): readonly string[] =>
  [...output.matchAll(/-> url\.path: Str\((.*)\)$/gm)].map(([, path = ""]) => path);

/** What its debug exporter writes of each span of a trace. */
function spansIn(output: string, traceId: string) {
  // A resource's attributes stand before the spans that are its own.
  return output.split("ResourceSpans #").flatMap((part) => {
    const service = /-> service\.name: Str\((.*)\)/.exec(part)?.[1] ?? "";
    return part
      .split(/^Span #\d+$/m)
      .slice(1)
      .filter((text) => text.includes(`Trace ID       : ${traceId}`))
      .map((text) => ({
        service,
        id: /^ {4}ID {13}: (\w+)/m.exec(text)?.[1] ?? "",
        parentId: /^ {4}Parent ID {6}: (\w*)/m.exec(text)?.[1],
        kind: /^ {4}Kind {11}: (\w+)/m.exec(text)?.[1] ?? "",
        status: /-> http\.response\.status_code: Int\((\d+)\)/.exec(text)?.[1] ?? "",
        isAgain: text.includes("-> http.request.resend_count:"),
      }));
  });
}

test("a checkout of a mesh is one trace in the collector: all hops, right parents, the retry", {
  skip,
}, async (t) => {
  const ports = { grpc: await freePort(), http: await freePort() };
  const { peer } = await startCollector(t, ports);
  const mesh = await startCheckoutMesh("collector", {
    otlp: { endpoint: `http://127.0.0.1:${ports.http}` },
    signals: ["Traces"],
  });
  t.after(() => mesh.remove());
  const id = await checkout(mesh);
  const spans = await eventually(() => {
    const found = spansIn(peer.output, id);
    return found.length >= CHECKOUT_SPANS.length ? found : undefined;
  });
  assert.deepEqual(shapeOf(spans), CHECKOUT_SPANS);
});

test("a collector by gRPC and HTTP", { skip }, async (t) => {
  const ports = { grpc: await freePort(), http: await freePort() };
  const { peer, server, client } = await startCollector(t, ports);
  const mesh = await ExportingMesh.start(t);
  const delivery = { batch: { delay: "50ms" }, retry: { initialDelay: "100ms", maxDelay: "1s" } };
  await mesh.export("grpc", {
    otlp: { endpoint: `https://127.0.0.1:${ports.grpc}`, protocol: "Grpc" },
    signals: ["Traces", "Logs"],
    tls: {
      caFile: server.certificateFile,
      certificateFile: client.certificateFile,
      keyFile: client.keyFile,
    },
    ...delivery,
  });
  await mesh.export("http", {
    otlp: { endpoint: `http://127.0.0.1:${ports.http}`, temporality: "Delta" },
    signals: ["Metrics"],
    ...delivery,
  });
  await t.test("traces are whole", async () => {
    await mesh.sendSpans(checkoutTrace("1a"));
    await eventually(() => (/Span #1[\s\S]*payment/.test(peer.output) ? true : undefined));
    for (const { spanId, parentSpanId } of checkoutTrace("1a")) {
      const lines = [
        `Trace ID       : ${"1a".repeat(16)}`,
        `    Parent ID      : ${parentSpanId}`,
        `    ID             : ${spanId}`,
      ];
      assert.ok(peer.output.includes(lines.join("\n")), `${spanId}:\n${peer.output}`);
    }
  });
  await t.test("counters come as deltas", async () => {
    const startMs = Date.now();
    await mesh.sendMetrics(countedRequests(40, startMs, startMs + 1000));
    await mesh.sendMetrics(countedRequests(42, startMs, startMs + 2000));
    await eventually(() => (/^Value: 2\.0+$/m.test(peer.output) ? true : undefined));
    assert.match(peer.output, /AggregationTemporality: Delta/);
    assert.match(peer.output, /^Value: 40\.0+$/m);
  });
  await t.test("30 s without it lose nothing, and order is kept", async () => {
    await mesh.sendLogs(accessLogs(0, 100));
    await eventually(() => (paths(peer.output).length === 100 ? true : undefined));
    await peer.kill();
    let next = 100;
    const endMs = performance.now() + OUTAGE_MS;
    while (performance.now() < endMs) {
      await mesh.sendLogs(accessLogs(next, PER_SECOND));
      next += PER_SECOND;
      await delay(1000);
    }
    assert.equal((await mesh.findings())[0]?.code, "export-failing");
    await peer.restart();
    await eventually(() => (paths(peer.output).length >= next ? true : undefined));
    const sent = accessLogs(0, next).map(({ attributes }) => attributes["url.path"]);
    assert.deepEqual(paths(peer.output), sent);
    assert.equal(await mesh.metric("tulle_export_dropped_records_total", {}), 0);
  });
});
