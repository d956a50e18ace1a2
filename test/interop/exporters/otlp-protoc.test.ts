/**
 * What goes out by OTLP, read by a decoder of others with the published schema: `protoc --decode` and the `.proto` files as
 * OpenTelemetry publishes them. A field that the schema does not know would be shown by its number.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { needs } from "../../peers/peer-process.ts";
import { ExportingMesh, eventually } from "../../support/exporting-mesh.ts";
import { accessLogs, checkoutTrace, countedRequests } from "../../support/telemetry-records.ts";

const PROTO = join(import.meta.dirname, "..", "..", "..", "proto");
const SERVICES = "opentelemetry/proto/collector";
const MESSAGES: Readonly<Record<string, readonly [message: string, file: string]>> = {
  "/v1/traces": ["trace.v1.ExportTraceServiceRequest", `${SERVICES}/trace/v1/trace_service.proto`],
  "/v1/logs": ["logs.v1.ExportLogsServiceRequest", `${SERVICES}/logs/v1/logs_service.proto`],
  "/v1/metrics": [
    "metrics.v1.ExportMetricsServiceRequest",
    `${SERVICES}/metrics/v1/metrics_service.proto`,
  ],
};

function decoded(path: string, input: Buffer): string {
  const [message = "", file = ""] = MESSAGES[path] ?? [];
  const type = `opentelemetry.proto.collector.${message}`;
  return execFileSync("protoc", [`--decode=${type}`, "-I", PROTO, join(PROTO, file)], {
    input,
  }).toString("utf8");
}

const count = (text: string, part: RegExp): number => [...text.matchAll(part)].length;

test("protoc reads what is exported by OTLP", needs("protoc"), async (t) => {
  const requests = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      requests.set(request.url ?? "", gunzipSync(body));
      response.end();
    });
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const mesh = await ExportingMesh.start(t);
  await mesh.export("collector", {
    otlp: { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    batch: { delay: "10ms" },
  });
  const nowMs = Date.now();
  await mesh.sendSpans(checkoutTrace("1a"));
  await mesh.sendLogs(accessLogs(0, 20));
  await mesh.sendMetrics(countedRequests(42, nowMs - 60_000, nowMs));
  await eventually(() => (requests.size === 3 ? true : undefined));
  const texts = Object.fromEntries(
    [...requests].map(([path, body]) => [path, decoded(path, body)]),
  );
  for (const [path, text] of Object.entries(texts))
    assert.doesNotMatch(text, /^\s*\d+[:\s]/m, path);
  const traces = texts["/v1/traces"] ?? "";
  assert.equal(count(traces, /\bspans \{/g), 7);
  // Spans of one service that follow each other share its resource.
  assert.equal(count(traces, /^resource_spans \{/gm), 5);
  assert.equal(count(traces, /kind: SPAN_KIND_CLIENT/g), 3);
  assert.equal(count(traces, /code: STATUS_CODE_ERROR/g), 2);
  assert.match(traces, /key: "service.name"\s+value \{\s+string_value: "storefront"/);
  assert.match(traces, /events \{\s+time_unix_nano: \d+\s+name: "reset"/);
  const logs = texts["/v1/logs"] ?? "";
  assert.equal(count(logs, /log_records \{/g), 20);
  assert.equal(count(logs, /^resource_logs \{/gm), 1);
  assert.equal(count(logs, /severity_number: SEVERITY_NUMBER_ERROR/g), 2);
  assert.equal(count(logs, /event_name: "mesh.access"/g), 20);
  assert.match(logs, /key: "http.response.status_code"\s+value \{\s+int_value: 503/);
  const metrics = texts["/v1/metrics"] ?? "";
  assert.match(metrics, /name: "istio_requests_total"\s+sum \{/);
  assert.match(metrics, /as_double: 42/);
});
