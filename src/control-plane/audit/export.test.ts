/** Exports to real sockets: what arrives, what a target that is away costs, what is refused as an address. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { systemClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { SendOutcome } from "../telemetry/export/export-target.ts";
import { attributesOf } from "../telemetry/otlp-values.ts";
import { type AuditTarget, parseExportTarget, parseOtlpHeaders } from "./export-target.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-export-"));
after(() => rmSync(folder, { recursive: true }));

const CONTEXT = {
  ...{ mesh: "shop", version: "1.2.3", clock: systemClock },
  otlpHeaders: parseOtlpHeaders("x-key=a%20b"),
};
const RECORD: AuditRecord = {
  seq: 7,
  time: "2026-01-02T03:04:05.678Z",
  kind: "change",
  action: "created",
  actor: { name: 'tok"en]\\ci', role: "operator", address: "192.0.2.1" },
  object: { kind: "Service", namespace: "default", name: "catalog" },
  outcome: "refused",
  details: { revision: 12, fields: ["spec.ports[0]"] },
  prev: "a".repeat(64),
  hash: "b".repeat(64),
};

function send({ target, encode }: AuditTarget, count: number): Promise<SendOutcome> {
  const records = Array.from({ length: count }, () => encode(RECORD) ?? Buffer.alloc(0));
  return target.send(records, new AbortController().signal);
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a file gets lines of JSON", async () => {
  const path = join(folder, "out.jsonl");
  const target = parseExportTarget(`file://${path}`, CONTEXT);
  await send(target, 2);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [RECORD, RECORD],
  );
});

test("OTLP gets logs", async () => {
  const server = createHttpServer();
  const port = await portOf(server);
  const target = parseExportTarget(`http://127.0.0.1:${port}/v1/logs`, CONTEXT);
  const sending = send(target, 1);
  const [request, response] = await once(server, "request");
  const body = fromBinary(ExportLogsServiceRequestSchema, gunzipSync(await buffer(request)));
  response.end();
  assert.deepEqual(await sending, { kind: "done", rejected: 0, reason: "" });
  assert.equal(request.headers["content-type"], "application/x-protobuf");
  assert.equal(request.headers["x-key"], "a b");
  const [{ resource, scopeLogs } = {}] = body.resourceLogs;
  assert.equal(attributesOf(resource?.attributes ?? [])["service.name"], "tulle-control-plane");
  const log = scopeLogs?.[0]?.logRecords[0];
  assert.equal(log?.timeUnixNano, 1767323045678000000n);
  assert.equal(log.eventName, "tulle.audit.change");
  assert.deepEqual([log.severityNumber, log.severityText], [13, "WARN"]);
  const attributes = attributesOf(log.attributes);
  assert.equal(attributes["tulle.audit.seq"], 7);
  assert.equal(attributes["tulle.details.revision"], 12);
  assert.equal(attributes["tulle.details.fields"], '["spec.ports[0]"]');
  const again = send(target, 1);
  const [, busy] = await once(server, "request");
  busy.writeHead(503).end();
  assert.equal((await again).kind, "retry");
  const refused = send(target, 1);
  const [, bad] = await once(server, "request");
  bad.writeHead(400).end();
  assert.deepEqual(await refused, { kind: "done", rejected: 1, reason: "status 400" });
  target.target.close();
  server.close();
});

const SYSLOG =
  /^<108>1 2026-01-02T03:04:05\.678Z \S+ tulle \d+ change \[tulle@32473 mesh="shop" seq="7" action="created" actor="tok\\"en\\\]\\\\ci" hash="b{64}"\] \u{feff}(?<json>\{.*\})$/u;

function assertSyslog(message: string): void {
  const json = SYSLOG.exec(message)?.groups?.["json"];
  assert.ok(json !== undefined, message);
  assert.deepEqual(JSON.parse(json), RECORD);
}

test("syslog by UDP is one datagram for a record", async () => {
  const server = createSocket("udp4");
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const target = parseExportTarget(`syslog+udp://127.0.0.1:${server.address().port}`, CONTEXT);
  const arrives = once(server, "message");
  await send(target, 1);
  assertSyslog(String((await arrives)[0]));
  target.target.close();
  server.close();
});

test("syslog by TCP and by a unix socket counts octets", async () => {
  for (const kind of ["tcp", "unix"] as const) {
    const server = createServer();
    const path = join(folder, "syslog.sock");
    if (kind === "unix") await once(server.listen(path), "listening");
    const place = kind === "unix" ? path : `127.0.0.1:${await portOf(server)}`;
    const target = parseExportTarget(`syslog+${kind}://${place}`, CONTEXT);
    const accepts = once(server, "connection");
    await send(target, 2);
    target.target.close();
    const [socket] = await accepts;
    let left = Buffer.from(await text(socket));
    for (let count = 0; count < 2; count += 1) {
      const space = left.indexOf(" ");
      const size = Number(left.subarray(0, space));
      assertSyslog(String(left.subarray(space + 1, space + 1 + size)));
      left = left.subarray(space + 1 + size);
    }
    assert.equal(left.length, 0);
    server.close();
  }
});

test("what is no target is refused, and a secret in it is not shown", () => {
  for (const bad of ["", "nowhere", "ftp://a", "syslog://a"]) {
    assert.throws(
      () => parseExportTarget(bad, CONTEXT),
      (error) => hasCode(error, "option-invalid"),
      bad,
    );
  }
  assert.throws(
    () => parseExportTarget("https://user:hidden@a/v1/logs", CONTEXT),
    (error: Error) => !error.message.includes("hidden"),
  );
});
