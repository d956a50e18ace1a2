/** Exports to real sockets: what arrives, what a target that is away costs, what is refused as an address. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { ManualClock, systemClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { prometheusText } from "../../telemetry/prometheus-text.ts";
import { AuditLog } from "./audit-log.ts";
import { createAuditMetrics } from "./audit-metrics.ts";
import { type AuditTarget, ExportQueue } from "./export-queue.ts";
import { parseExportTarget, parseOtlpHeaders } from "./export-target.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-export-"));
after(() => rmSync(folder, { recursive: true }));

const CONTEXT = { mesh: "shop", version: "1.2.3", otlpHeaders: parseOtlpHeaders("x-key=a%20b") };
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

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a file gets lines of JSON", async () => {
  const path = join(folder, "out.jsonl");
  const target = parseExportTarget(`file://${path}`, CONTEXT);
  await target.send([RECORD, RECORD]);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [RECORD, RECORD],
  );
});

test("OTLP gets logs as its JSON mapping has them", async () => {
  const server = createHttpServer();
  const port = await portOf(server);
  const target = parseExportTarget(`http://127.0.0.1:${port}/v1/logs`, CONTEXT);
  const sending = target.send([RECORD]);
  const [request, response] = await once(server, "request");
  const body = JSON.parse(await text(request));
  response.end("{}");
  await sending;
  assert.equal(request.headers["content-type"], "application/json");
  assert.equal(request.headers["x-key"], "a b");
  const [{ resource, scopeLogs }] = body.resourceLogs;
  assert.deepEqual(resource.attributes[0], {
    key: "service.name",
    value: { stringValue: "tulle-control-plane" },
  });
  const [log] = scopeLogs[0].logRecords;
  assert.equal(log.timeUnixNano, "1767323045678000000");
  assert.deepEqual([log.severityNumber, log.severityText], [13, "WARN"]);
  const attributes = Object.fromEntries(
    log.attributes.map(({ key, value }: { key: string; value: object }) => [
      key,
      Object.values(value)[0],
    ]),
  );
  assert.equal(attributes["tulle.audit.seq"], "7");
  assert.equal(attributes["tulle.details.revision"], "12");
  assert.equal(attributes["tulle.details.fields"], '["spec.ports[0]"]');
  const again = target.send([RECORD]);
  const [, busy] = await once(server, "request");
  busy.writeHead(503).end();
  await assert.rejects(again, /status 503/);
  const refused = target.send([RECORD]);
  const [, bad] = await once(server, "request");
  bad.writeHead(400).end();
  await refused;
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
  await target.send([RECORD]);
  assertSyslog(String((await arrives)[0]));
  target.close();
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
    await target.send([RECORD, RECORD]);
    target.close();
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

function queueOf(target: AuditTarget, queueMax: number) {
  const registry = new MetricRegistry();
  const clock = new ManualClock();
  const log = new AuditLog({ folder: join(folder, "log"), clock: systemClock, log: silentLogger });
  const metrics = createAuditMetrics(registry, log);
  const queue = new ExportQueue({ target, metrics, clock, log: silentLogger, queueMax });
  const count = (name: string) =>
    Number(
      new RegExp(`^tulle_audit_${name}_total\\{target="t"\\} (\\d+)$`, "m").exec(
        prometheusText(registry.families()),
      )?.[1] ?? 0,
    );
  return { queue, clock, count };
}

test("a target that is away costs a bounded queue; what does not fit is counted", async () => {
  const taken: number[] = [];
  let isAway = true;
  const tries: (() => void)[] = [];
  const target: AuditTarget = {
    name: "t",
    send: async (records) => {
      tries.shift()?.();
      if (isAway) throw new Error("away");
      taken.push(...records.map(({ seq }) => seq));
    },
    close: () => undefined,
  };
  const { queue, clock, count } = queueOf(target, 3);
  for (let seq = 1; seq <= 5; seq += 1) queue.add({ ...RECORD, seq });
  await new Promise(setImmediate);
  assert.equal(count("export_dropped"), 2);
  assert.equal(count("export_failures"), 1);
  isAway = false;
  const tried = new Promise<void>((resolve) => tries.push(resolve));
  clock.advance(500);
  await tried;
  await new Promise(setImmediate);
  assert.deepEqual(taken, [1, 2, 3]);
  assert.equal(count("exported"), 3);
  await queue.stop(0);
});
