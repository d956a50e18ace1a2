/** Targets by HTTP against a server that answers as a test says: what is sent, who we are, and what answers mean. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { writeServerCertificate } from "../../../../test/support/server-certificate.ts";
import {
  accessLog,
  accessLogs,
  checkoutTrace,
} from "../../../../test/support/telemetry-records.ts";
import { systemClock } from "../../../core/clock.ts";
import { ExportLogsServiceResponseSchema } from "../../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { BulkTarget, encodeBulkItem } from "./elastic/bulk-target.ts";
import { type ExportTarget, type SendOutcome, TAKEN } from "./export-target.ts";
import type { Authentication } from "./http/credentials.ts";
import type { HttpDelivery } from "./http/http-sender.ts";
import { retryAfterMs } from "./http/retry-after.ts";
import { eventLine } from "./log-document.ts";
import { encodeLokiEntry, LokiTarget } from "./loki/loki-target.ts";
import { OtlpHttpTarget, otlpUrl } from "./otlp/otlp-http-target.ts";
import { encodeLog } from "./otlp/otlp-record.ts";
import { encodeZipkinSpan, ZipkinTarget } from "./zipkin/zipkin-target.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-targets-"));
after(() => rmSync(folder, { recursive: true }));

const PLAIN: HttpDelivery = {
  ...{ authentication: undefined, tls: undefined, isCompressed: false, clock: systemClock },
};
type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

async function serve(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => answer(request, response, body));
  }).listen(0, "127.0.0.1");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function send(target: ExportTarget, batch: readonly Buffer[]): Promise<SendOutcome> {
  const outcome = await target.send(batch, new AbortController().signal);
  target.close();
  return outcome;
}

const secret = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("who we are comes from files, read anew for each request", async (t) => {
  const seen: (string | undefined)[] = [];
  const url = await serve(t, ({ headers }, response) => {
    seen.push(headers.authorization ?? String(headers["x-api-key"]));
    response.writeHead(202).end();
  });
  const path = secret("secret", "first\n");
  const ways: readonly Authentication[] = [
    { basic: { username: "tulle", passwordFile: path }, headers: [] },
    { bearerTokenFile: path, headers: [] },
    { apiKey: { file: path }, headers: [] },
    { apiKey: { file: path, header: "X-Api-Key" }, headers: [] },
  ];
  for (const authentication of ways) {
    const target = new ZipkinTarget(url, { ...PLAIN, authentication });
    assert.deepEqual(await send(target, [Buffer.from("{}")]), TAKEN);
  }
  const basic = Buffer.from("tulle:first").toString("base64");
  assert.deepEqual(seen, [`Basic ${basic}`, "Bearer first", "ApiKey first", "first"]);
  const target = new ZipkinTarget(url, {
    ...PLAIN,
    authentication: { bearerTokenFile: path, headers: [] },
  });
  writeFileSync(path, "second");
  await target.send([Buffer.from("{}")], new AbortController().signal);
  assert.equal(seen.at(-1), "Bearer second");
  writeFileSync(path, "broken\nsecret");
  await assert.rejects(
    send(target, [Buffer.from("{}")]),
    (error: Error) => error.message.includes(path) && !error.message.includes("broken"),
  );
});

test("TLS: its certificate is judged, ours is shown", async (t) => {
  const server = writeServerCertificate(folder, "server", ["127.0.0.1"]);
  const client = writeServerCertificate(folder, "client", ["tulle.example"]);
  const listener = createTlsServer(
    {
      cert: server.pem,
      key: readFileSync(server.keyFile),
      ca: client.pem,
      ...{ requestCert: true, rejectUnauthorized: true },
    },
    (_, response) => response.end(),
  ).listen(0, "127.0.0.1");
  t.after(() => listener.closeAllConnections());
  t.after(() => listener.close());
  await once(listener, "listening");
  const url = `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const ours = { certificateFile: client.certificateFile, keyFile: client.keyFile };
  const by = (tls: HttpDelivery["tls"]) =>
    send(new ZipkinTarget(url, { ...PLAIN, tls }), [Buffer.from("{}")]);
  assert.deepEqual(await by({ caFile: server.certificateFile, ...ours }), TAKEN);
  await assert.rejects(by(ours), /self-signed/);
  await assert.rejects(by({ caFile: server.certificateFile }));
});

test("statuses: what is tried again, and when", async (t) => {
  let status = 200;
  const url = await serve(t, (_, response) => {
    const retryAfter: Record<string, string> = status === 429 ? { "retry-after": "7" } : {};
    response.writeHead(status, { "content-type": "text/plain", ...retryAfter }).end("because\n");
  });
  const outcome = (code: number): Promise<SendOutcome> => {
    status = code;
    return send(new ZipkinTarget(url, PLAIN), [Buffer.from("{}")]);
  };
  const reason = (code: number): string => `status ${code}: because`;
  assert.deepEqual(await outcome(429), {
    ...{ kind: "retry", indices: "all", rejected: 0, reason: reason(429), afterMs: 7000 },
  });
  assert.equal((await outcome(401)).kind, "retry");
  assert.equal((await outcome(500)).kind, "retry");
  assert.deepEqual(await outcome(413), { kind: "too-large", reason: reason(413) });
  assert.deepEqual(await outcome(400), { kind: "done", rejected: 1, reason: reason(400) });
  const nowMs = Date.UTC(2026, 0, 1);
  assert.equal(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", nowMs), 30_000);
  assert.equal(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", nowMs), 0);
  assert.equal(retryAfterMs("soon", nowMs), 0);
});

test("OTLP: only what its specification names is tried again; partial success is not", async (t) => {
  let status = 500;
  const url = await serve(t, (_, response) => {
    const partial = create(ExportLogsServiceResponseSchema, {
      partialSuccess: { rejectedLogRecords: 2n, errorMessage: "too old" },
    });
    const body = toBinary(ExportLogsServiceResponseSchema, partial);
    response.writeHead(status).end(status === 200 ? body : undefined);
  });
  const batch = accessLogs(0, 5).map(encodeLog);
  const outcome = () => send(new OtlpHttpTarget(otlpUrl(url, "logs"), "logs", PLAIN), batch);
  assert.deepEqual(await outcome(), { kind: "done", rejected: 5, reason: "status 500" });
  status = 503;
  assert.equal((await outcome()).kind, "retry");
  status = 200;
  assert.deepEqual(await outcome(), { kind: "done", rejected: 2, reason: "too old" });
});

test("_bulk: each item has an outcome; documents keep their ids", async (t) => {
  const bodies: string[] = [];
  const url = await serve(t, ({ headers }, response, body) => {
    assert.equal(headers["content-type"], "application/x-ndjson");
    bodies.push(gunzipSync(body).toString("utf8"));
    const statuses = [201, 429, 400, 409];
    const items = statuses.map((status) => ({
      create: { status, ...(status === 400 ? { error: { type: "mapper", reason: "no" } } : {}) },
    }));
    response.end(JSON.stringify({ errors: true, items }));
  });
  const batch = accessLogs(6, 4).map((event) => encodeBulkItem(eventLine(event), "logs-a-b"));
  const outcome = await send(new BulkTarget(`${url}/`, { ...PLAIN, isCompressed: true }), batch);
  assert.deepEqual(outcome, {
    ...{ kind: "retry", indices: [1], rejected: 1, afterMs: 0 },
    reason: "item status 429: ",
  });
  const lines = (bodies[0] ?? "").trimEnd().split("\n");
  assert.equal(lines.length, 8);
  const [action, document] = lines.slice(6).map((line) => JSON.parse(line));
  assert.equal(action.create._index, "logs-a-b");
  assert.match(action.create._id, /^[\w-]{20}$/);
  assert.deepEqual(document.http.response, { status_code: 503, bytes: 345 });
  assert.deepEqual(document.envoyproxy, { authority: "checkout.shop:8080", response_flags: "UH" });
  assert.deepEqual(document.source, { address: "127.0.0.1:4711", ip: "127.0.0.1", port: 4711 });
  assert.equal(document.event.outcome, "failure");
  assert.equal(document.message, "GET /items/9?page=2 503");
});

test("Loki: a stream for each set of labels, in order; the rest is structured metadata", async (t) => {
  const bodies: string[] = [];
  const url = await serve(t, ({ headers, url: path }, response, body) => {
    assert.deepEqual([headers["x-scope-orgid"], path], ["shop", "/loki/api/v1/push"]);
    bodies.push(String(body));
    response.writeHead(204).end();
  });
  const target = new LokiTarget({
    ...{ endpoint: url, labels: { job: "tulle" }, tenant: "shop", http: PLAIN },
  });
  await send(
    target,
    accessLogs(0, 20, 1000).map((event) => encodeLokiEntry(eventLine(event))),
  );
  const { streams } = JSON.parse(bodies[0] ?? "");
  assert.deepEqual(streams[0].stream, {
    ...{ job: "tulle", service_name: "checkout", service_namespace: "shop", level: "info" },
  });
  assert.deepEqual(
    streams.map(({ values }: { values: readonly unknown[] }) => values.length),
    [18, 2],
  );
  const [time, line, metadata] = streams[1].values[0];
  assert.equal(time, String(accessLog(9, 1000).timeNs));
  assert.equal(JSON.parse(line).path, "/items/9?page=2");
  assert.equal(metadata.response_flags, "UH");
  assert.equal(metadata.trace_id, accessLog(9).traceId);
});

test("Zipkin: microseconds, lower-case names, errors as a tag", () => {
  const [, , , failed] = checkoutTrace("1a", 1_700_000_001_000).map((span) =>
    JSON.parse(String(encodeZipkinSpan(span))),
  );
  assert.equal(failed.timestamp, 1_700_000_000_003_000);
  assert.equal(failed.duration, 44_000);
  assert.equal(failed.name, "post /checkout");
  assert.equal(failed.tags.error, "no healthy upstream");
  assert.deepEqual(failed.remoteEndpoint, {
    serviceName: "payment",
    ipv4: "127.0.0.9",
    port: 8080,
  });
  assert.deepEqual(failed.annotations, [
    { timestamp: 1_700_000_000_003_000, value: 'reset: {"reason":"UC"}' },
  ]);
});
