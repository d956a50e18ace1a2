/**
 * Access logs by the forward protocol to a server that we did not write (`@fluent-org/logger`): acknowledged, compressed, with a
 * shared key, users and TLS; and while the server is away.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { FluentServer, type FluentServerOptions } from "@fluent-org/logger";
import { ExportingMesh, eventually } from "../../support/exporting-mesh.ts";
import { freePort } from "../../support/free-port.ts";
import { writeServerCertificate } from "../../support/server-certificate.ts";
import { accessLog, accessLogs } from "../../support/telemetry-records.ts";

interface Entry {
  readonly tag: string;
  readonly time: unknown;
  readonly record: Readonly<Record<string, unknown>>;
}

async function serve(
  t: TestContext,
  entries: Entry[],
  options: FluentServerOptions & { readonly port?: number } = {},
): Promise<FluentServer> {
  const { port = 0, ...rest } = options;
  const listenOptions = { host: "127.0.0.1", port };
  const server = new FluentServer({ ...rest, listenOptions });
  server.on("entry", (tag: string, time: unknown, record: Entry["record"]) => {
    entries.push({ tag, time, record });
  });
  await server.listen();
  t.after(() => server.close().catch(() => undefined));
  return server;
}

const paths = (entries: readonly Entry[]): readonly unknown[] =>
  entries.map(({ record }) => record["path"]);
const sent = (from: number, count: number): readonly unknown[] =>
  accessLogs(from, count).map(({ attributes }) => attributes["url.path"]);

test("access logs arrive, with nanoseconds, in order", async (t) => {
  const entries: Entry[] = [];
  const server = await serve(t, entries);
  const mesh = await ExportingMesh.start(t);
  await mesh.export("fluentd", {
    forward: { host: "127.0.0.1", port: server.port },
    batch: { delay: "10ms", maxRecords: 64 },
  });
  const nowMs = Date.now();
  await mesh.sendLogs(accessLogs(0, 500, nowMs));
  await eventually(() => (entries.length >= 500 ? true : undefined));
  assert.deepEqual(paths(entries), sent(0, 500));
  const ninth = entries[9];
  assert.equal(ninth?.tag, "tulle.access");
  assert.deepEqual(
    [ninth.record["response_code"], ninth.record["response_flags"], ninth.record["service"]],
    [503, "UH", "checkout"],
  );
  assert.equal(ninth.record["user_agent"], accessLog(9).attributes["user_agent.original"]);
  const { epoch, nano } = ninth.time as { readonly epoch: number; readonly nano: number };
  assert.equal(epoch, Math.floor(nowMs / 1000));
  assert.equal(nano, (nowMs % 1000) * 1_000_000 + 9);
  assert.equal(await mesh.metric("tulle_export_records_total", { exporter: "fluentd" }), 500);
  assert.deepEqual(await mesh.findings(), []);
});

test("with a shared key, a user and TLS; who does not know them is told so", async (t) => {
  const entries: Entry[] = [];
  const mesh = await ExportingMesh.start(t);
  const { folder } = mesh.home;
  const { certificateFile, keyFile, pem } = writeServerCertificate(folder, "fluentd", [
    "127.0.0.1",
  ]);
  const files = { key: join(folder, "shared.key"), password: join(folder, "password") };
  writeFileSync(files.key, "wrong\n");
  writeFileSync(files.password, "secret word\n");
  const server = await serve(t, entries, {
    security: {
      serverHostname: "fluentd.example",
      sharedKey: "a shared key",
      authorize: true,
      userDict: { tulle: "secret word" },
    },
    tlsOptions: { cert: pem, key: readFileSync(keyFile) },
  });
  await mesh.export("fluentd", {
    forward: { transport: "Tls", host: "127.0.0.1", port: server.port, sharedKeyFile: files.key },
    authentication: { basic: { username: "tulle", passwordFile: files.password } },
    tls: { caFile: certificateFile },
    batch: { delay: "10ms" },
    retry: { initialDelay: "10ms", maxDelay: "100ms" },
  });
  await mesh.sendLogs(accessLogs(0, 3));
  const finding = await eventually(async () => (await mesh.findings())[0]);
  assert.equal(finding.code, "export-failing");
  assert.match(finding.message, /forward tls 127\.0\.0\.1:\d+ since .*: it refuses us/);
  assert.deepEqual(entries, []);
  // The file is read anew for each connection.
  writeFileSync(files.key, "a shared key\n");
  await eventually(() => (entries.length >= 3 ? true : undefined));
  assert.deepEqual(paths(entries), sent(0, 3));
  assert.deepEqual(
    await eventually(async () => ((await mesh.findings()).length === 0 ? [] : undefined)),
    [],
  );
});

test("nothing is lost while the server is away, and it comes in order; past the bound it is counted", async (t) => {
  const port = await freePort();
  const entries: Entry[] = [];
  const mesh = await ExportingMesh.start(t);
  await mesh.export("fluentd", {
    forward: { host: "127.0.0.1", port },
    batch: { delay: "10ms", maxRecords: 100 },
    buffer: { memoryBytes: 300_000 },
    retry: { initialDelay: "20ms", maxDelay: "200ms" },
  });
  const first = await serve(t, entries, { port });
  await mesh.sendLogs(accessLogs(0, 100));
  await eventually(() => (entries.length >= 100 ? true : undefined));
  await first.close();
  const away: Entry[] = [];
  await mesh.sendLogs(accessLogs(100, 100));
  await eventually(async () => ((await mesh.findings()).length > 0 ? true : undefined));
  for (let from = 200; from < 2000; from += 300) await mesh.sendLogs(accessLogs(from, 300));
  const dropped = await mesh.metric("tulle_export_dropped_records_total", {
    exporter: "fluentd",
    reason: "buffer-full",
  });
  const waiting = await mesh.metric("tulle_export_buffer_records", { exporter: "fluentd" });
  assert.equal(dropped + waiting, 1900);
  assert.ok(dropped > 100 && waiting > 100, `${dropped} ${waiting}`);
  const codes = (await mesh.findings()).map(({ code }) => code);
  assert.deepEqual(codes, ["export-failing", "export-dropping"]);
  await serve(t, away, { port });
  await eventually(() => (away.length >= waiting ? true : undefined));
  assert.deepEqual(paths(away), sent(100, waiting));
});
