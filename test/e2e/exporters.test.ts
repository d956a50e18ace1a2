/** TelemetryExporters through real processes: what arrives where, filters, audit records, and a target that is changed or deleted. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { accessLogs, checkoutTrace } from "../support/telemetry-records.ts";

const QUICK = { batch: { delay: "10ms" }, retry: { initialDelay: "10ms", maxDelay: "100ms" } };

/** A server that takes everything; the bodies, uncompressed. */
async function capture(
  t: TestContext,
  answer = "",
): Promise<{ readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = [];
  const server = createHttpServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(gunzipSync(body).toString("utf8"));
      response.end(answer);
    });
  }).listen(0, "127.0.0.1");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

test("logs and audit records go to _bulk, Loki, syslog and files, as filters say", async (t) => {
  const bulk = await capture(t, '{"errors":false,"items":[]}');
  const loki = await capture(t);
  let syslog = "";
  const syslogServer = createServer((socket) => {
    socket.on("data", (chunk: Buffer) => {
      syslog += String(chunk);
    });
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  t.after(() => syslogServer.close());
  await once(syslogServer, "listening");
  const mesh = await ExportingMesh.start(t);
  const file = join(mesh.home.folder, "access.log");
  await mesh.export("search", {
    elasticsearch: { endpoint: bulk.url, index: "access" },
    signals: ["Logs", "Audit"],
    ...QUICK,
  });
  await mesh.export("loki", {
    loki: { endpoint: loki.url },
    filter: { minSeverity: "Error" },
    ...QUICK,
  });
  await mesh.export("syslog", {
    syslog: { host: "127.0.0.1", port: (syslogServer.address() as AddressInfo).port },
    filter: { services: ["shop/checkout"], minStatus: 500 },
    ...QUICK,
  });
  await mesh.export("file", {
    file: { path: file },
    signals: ["Logs", "Traces"],
    filter: { services: ["shop/*"] },
    ...QUICK,
  });
  await mesh.export("nobody", {
    file: { path: `${file}.none` },
    filter: { services: ["other/*"] },
  });
  await mesh.sendLogs(accessLogs(0, 20));
  await mesh.sendSpans(checkoutTrace("1a"));
  const documents = await eventually(() => {
    const lines = bulk.bodies.join("").trimEnd().split("\n");
    const found = lines.filter((_, index) => index % 2 === 1).map((line) => JSON.parse(line));
    const logs = found.filter(({ event }) => event.dataset === "mesh.access");
    return logs.length === 20 ? found : undefined;
  });
  const audits = documents.filter(({ event }) => event.dataset === "tulle.audit");
  // Its own creation is told to it: it is there when the record comes, or a little later.
  assert.ok(audits.some(({ event }) => /"name":"loki"/.test(event.original)));
  assert.ok(audits.every(({ event }) => JSON.parse(event.original).hash.length === 64));
  const pushed = await eventually(() => {
    const streams = loki.bodies.flatMap((body) => JSON.parse(body).streams);
    const values = streams.flatMap(({ values: all }) => all);
    return values.length === 2 ? values : undefined;
  });
  assert.deepEqual(
    pushed.map(([, line]) => JSON.parse(line).response_code),
    [503, 503],
  );
  await eventually(() => (syslog.includes("/items/19") ? true : undefined));
  assert.match(
    syslog,
    /^\d+ <131>1 \S+ checkout-1 checkout - mesh\.access \[tulle@32473 namespace="shop" trace_id="/,
  );
  assert.doesNotMatch(syslog, /\/items\/18/);
  const lines = await eventually(() => {
    const text = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
    return text.length === 27 ? text.map((line) => JSON.parse(line)) : undefined;
  });
  assert.deepEqual(
    lines.filter(({ path }) => path !== undefined).map(({ path }) => path),
    accessLogs(0, 20).map(({ attributes }) => attributes["url.path"]),
  );
  assert.ok(!existsSync(`${file}.none`));
  assert.match(
    await mesh.home.succeed(["get", "telemetryexporters"]),
    /syslog +syslog +127\.0\.0\.1:\d+ /,
  );
});

test("what waits goes to where the exporter is changed to; a deleted one drops it, and says so", async (t) => {
  const mesh = await ExportingMesh.start(t);
  const loki = await capture(t);
  await mesh.export("loki", { loki: { endpoint: "http://127.0.0.1:9/x" }, ...QUICK });
  await mesh.sendLogs(accessLogs(0, 5));
  const finding = await eventually(async () => (await mesh.findings())[0]);
  assert.match(
    finding.message,
    /^logs do not get to http:\/\/127\.0\.0\.1:9\/x since .*ECONNREFUSED.*5 records wait$/,
  );
  const check = await mesh.home.tulle(["check"]);
  assert.match(check.stdout + check.stderr, /what is exported arrives\n.*logs do not get to/);
  await mesh.export("loki", { loki: { endpoint: loki.url }, ...QUICK });
  const values = await eventually(() => {
    const all = loki.bodies.flatMap((body) => JSON.parse(body).streams[0].values);
    return all.length === 5 ? all : undefined;
  });
  assert.deepEqual(
    values.map(([, line]) => JSON.parse(line).path),
    accessLogs(0, 5).map(({ attributes }) => attributes["url.path"]),
  );
  await eventually(async () => ((await mesh.findings()).length === 0 ? true : undefined));
  await mesh.export("loki", { loki: { endpoint: "http://127.0.0.1:9/x" }, ...QUICK });
  await mesh.home.succeed(["delete", "telemetryexporter", "loki"]);
  await mesh.home.refuse(
    ["apply", "-f", "-"],
    1,
    /spec: .*says nothing of where to send|otlp/,
    JSON.stringify({
      ...{ apiVersion: "mesh.tulle.dev/v1", kind: "TelemetryExporter", metadata: { name: "none" } },
      spec: {},
    }),
  );
});
