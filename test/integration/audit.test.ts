/** The audit log through real processes: what it says, what survives a kill, what verifying finds, where it is sent. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import type { ApplyResponse, ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import { ExportLogsServiceRequestSchema } from "../../src/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import type { AuditRecord } from "../../src/telemetry/audit/audit-record.ts";
import type { AuditVerification } from "../../src/telemetry/audit/verify-audit.ts";
import { callApi, StandInSidecar, serviceYaml } from "../support/control-plane-fixture.ts";
import { TulleHome } from "../support/tulle-process.ts";

const TIMEOUT = { timeout: 60_000 };

let home: TulleHome;
let child: ChildProcess;
let log = "";
const collected: { readonly eventName: string }[] = [];
const collector = createHttpServer((request, response) => {
  buffer(request).then((body) => {
    const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, gunzipSync(body));
    for (const { scopeLogs } of resourceLogs) {
      collected.push(...scopeLogs.flatMap(({ logRecords }) => logRecords));
    }
    response.end();
  }, assert.fail);
});
let syslog = "";
const syslogServer = createServer((socket) => {
  socket.on("data", (chunk: Buffer) => {
    syslog += String(chunk);
  });
  socket.on("error", () => undefined);
});

before(async () => {
  home = await TulleHome.open();
  for (const server of [collector, syslogServer]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  await start();
});

after(async () => {
  await home.close();
  collector.close();
  collector.closeAllConnections();
  syslogServer.close();
});

async function start(): Promise<void> {
  const ports = [collector, syslogServer].map((server) => (server.address() as AddressInfo).port);
  child = home.start([
    "control-plane",
    ...["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"],
    ...["--audit-export", `http://127.0.0.1:${ports[0]}/v1/logs`],
    ...["--audit-export", `syslog+tcp://127.0.0.1:${ports[1]}`],
    ...["--audit-export", `file://${join(home.folder, "exported.jsonl")}`],
  ]);
  child.stderr?.on("data", (chunk: Buffer) => {
    log += String(chunk);
  });
  let out = "";
  for await (const chunk of child.stdout ?? []) {
    out += String(chunk);
    if (out.includes("xds ")) break;
  }
}

const file = (): ControlPlaneFile =>
  JSON.parse(readFileSync(join(home.folder, "default", "control-plane.json"), "utf8"));

const folder = () => join(home.folder, "default", "audit");

async function search(...words: readonly string[]): Promise<readonly AuditRecord[]> {
  const { stdout } = await home.tulle(["audit", "search", ...words, "-o", "json"]);
  return JSON.parse(stdout);
}

async function verify(): Promise<AuditVerification & { readonly code: number | null }> {
  const { code, stdout } = await home.tulle([
    "audit",
    "verify",
    "--folder",
    folder(),
    "-o",
    "json",
  ]);
  return { ...JSON.parse(stdout), code };
}

async function apply(yaml: string): Promise<ApplyResponse> {
  const body = { files: [{ name: "a.yaml", text: yaml }] };
  const answer = await callApi<ApplyResponse>(file(), "POST", "/api/v1/apply", { body });
  assert.equal(answer.status, 200);
  return answer.body;
}

test("a change says who, how, which object, which fields, and digests", TIMEOUT, async () => {
  await apply(serviceYaml("catalog"));
  await apply(serviceYaml("catalog").replace("port: 80", "port: 81"));
  await home.succeed(["delete", "service", "catalog"]);
  const records = await search("--object", "Service/default/catalog");
  assert.deepEqual(
    records.map(({ action }) => action),
    ["created", "configured", "deleted"],
  );
  const [created, configured, deleted] = records;
  assert.deepEqual(configured?.actor, {
    name: "local user",
    role: "admin",
    method: "unix-socket",
    transport: "unix",
    address: "",
  });
  assert.deepEqual(configured?.details?.["fields"], ["spec.ports[0].port"]);
  assert.equal(configured?.details?.["before"], created?.details?.["after"]);
  assert.equal(deleted?.details?.["before"], configured?.details?.["after"]);
  assert.match(String(created?.details?.["after"]), /^sha256:[0-9a-f]{64}$/);
  const dry = { files: [{ name: "a", text: serviceYaml("dry") }], dryRun: true };
  await callApi(file(), "POST", "/api/v1/apply", { body: dry });
  assert.deepEqual(await search("--object", "Service/dry"), []);
});

test("tokens, refusals and failed logins are told, without what is secret", TIMEOUT, async () => {
  const made = JSON.parse(await home.succeed(["token", "create", "ci", "-o", "json"]));
  const headers = { authorization: `Bearer ${made.token}` };
  const tcp = { transport: "tcp" as const };
  const body = { files: [{ name: "a", text: serviceYaml("x") }] };
  const denied = await callApi(file(), "POST", "/api/v1/apply", { ...tcp, headers, body });
  assert.equal(denied.status, 403);
  const wrong = { authorization: `Bearer ${made.token}x` };
  assert.equal((await callApi(file(), "GET", "/healthz", { ...tcp, headers: wrong })).status, 200);
  const failed = await callApi(file(), "GET", "/api/v1/version", { ...tcp, headers: wrong });
  assert.equal(failed.status, 401);
  const [creation] = await search("--kind", "action", "POST /api/v1/tokens");
  assert.deepEqual(creation?.details?.["token"], "ci");
  const [refusal] = await search("--kind", "access-denied", "--actor", "token ci");
  assert.match(refusal?.message ?? "", /needs the role operator; token ci is viewer/);
  const [failure] = await search("--kind", "authentication-failed");
  assert.equal(failure?.actor?.address, "127.0.0.1");
  const all = readFileSync(join(folder(), "audit-00000001.jsonl"), "utf8");
  assert.ok(!all.includes(made.token.slice(-43)));
});

test("certificates are told: issued, refused, revoked", TIMEOUT, async () => {
  const sidecar = new StandInSidecar({
    file: file(),
    id: "orders-a",
    service: "orders",
    block: 41,
  });
  await sidecar.start();
  const [issued] = await search("--kind", "certificate-issued", "--actor", "/sa/orders");
  assert.equal(issued?.actor?.method, "token");
  assert.match(String(issued?.details?.["serial"]), /^[0-9a-f]+$/);
  await home.succeed([
    "ca",
    "revoke",
    "spiffe://tulle.local/ns/default/sa/orders",
    "--reason",
    "test",
  ]);
  let revoked: readonly AuditRecord[] = [];
  while (revoked.length === 0) revoked = await search("--kind", "revocations-changed");
  assert.deepEqual(revoked[0]?.details?.["identities"], [
    "spiffe://tulle.local/ns/default/sa/orders",
  ]);
  let refused: readonly AuditRecord[] = [];
  while (refused.length === 0) refused = await search("--kind", "authentication-failed", "revoked");
  assert.equal(refused[0]?.details?.["code"], "revoked");
  await sidecar.stop();
});

test("many failed logins from one address are an event and a metric", TIMEOUT, async () => {
  const headers = { authorization: "Bearer tulle_wrong" };
  for (let count = 0; count < 12; count += 1) {
    await callApi(file(), "GET", "/api/v1/version", { transport: "tcp", headers });
  }
  const [event] = await search("--kind", "security-event");
  assert.deepEqual([event?.action, event?.actor?.address], ["failed-logins", "127.0.0.1"]);
  const { body } = await callApi<string>(file(), "GET", "/metrics");
  assert.match(body, /^tulle_security_events_total\{kind="failed-logins"\} 1$/m);
  assert.match(body, /^tulle_security_events_total\{kind="service-scan"\} 0$/m);
});

test("a killed control plane loses no record, and a torn one is told", TIMEOUT, async () => {
  await apply(serviceYaml("last"));
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
  const newest =
    readdirSync(folder())
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .at(-1) ?? "";
  appendFileSync(join(folder(), newest), '{"seq":99,"time":"2026');
  log = "";
  await start();
  assert.equal((await search("--object", "Service/last")).length, 1);
  const [torn] = await search("--kind", "log", "torn");
  assert.equal(torn?.details?.["tornBytes"], 22);
  assert.match(log, /the audit log was torn/);
  const result = await verify();
  assert.deepEqual([result.code, result.ok, result.torn.length], [0, true, 1]);
  const online = await home.succeed(["audit", "verify"]);
  assert.match(
    online,
    /records in 1 file are as they were written\na crash before .* tore a record/,
  );
  const [, head = ""] = /^head: (\S+)$/m.exec(online) ?? [];
  assert.match(await home.succeed(["audit", "verify", "--head", head]), /as they were written/);
  const short = await home.tulle(["audit", "verify", "--head", `100000:${"a".repeat(64)}`]);
  assert.equal(short.code, 1);
});

test("records are sent on as they come", TIMEOUT, async () => {
  await apply(serviceYaml("exported"));
  const has = () => [
    collected.some(({ eventName }) => eventName === "tulle.audit.change"),
    syslog.includes('"name":"exported"'),
    readFileSync(join(home.folder, "exported.jsonl"), "utf8").includes('"name":"exported"'),
  ];
  while (has().includes(false)) await new Promise(setImmediate);
  assert.match(syslog, /^\d+ <\d+>1 \S+ \S+ tulle \d+ /);
  const { body } = await callApi<string>(file(), "GET", "/metrics");
  assert.match(
    body,
    /^tulle_export_records_total\{exporter="http:\/\/127\.0\.0\.1:\d+\/v1\/logs",signal="audit"\} [1-9]/m,
  );
});

test("tail shows the newest, and follows", TIMEOUT, async () => {
  const shown = await home.succeed(["audit", "tail", "--lines", "1000", "--kind", "change"]);
  assert.match(shown, /change {2}local user \(admin\) {2}created Service default\/exported\n/);
  const following = home.start(["audit", "tail", "--follow", "--kind", "change", "--lines", "1"]);
  let out = "";
  following.stdout?.on("data", (chunk: Buffer) => {
    out += String(chunk);
  });
  await once(following.stdout ?? following, "data");
  await apply(serviceYaml("followed"));
  while (!out.includes("default/followed")) await once(following.stdout ?? following, "data");
  const ended = once(following, "exit");
  following.kill("SIGINT");
  assert.deepEqual(await ended, [0, null]);
});

test("only an admin reads it", TIMEOUT, async () => {
  for (const path of ["/api/v1/audit", "/api/v1/audit/verification"]) {
    assert.equal((await callApi(file(), "GET", path, { transport: "tcp" })).status, 403);
  }
  assert.equal((await callApi(file(), "GET", "/api/v1/audit?kind=nothing")).status, 400);
});

test("verifying names the first record that somebody changed", TIMEOUT, async () => {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
  const path = join(folder(), "audit-00000001.jsonl");
  const lines = readFileSync(path, "utf8").split("\n");
  lines[3] = (lines[3] ?? "").replace("local user", "somebody else");
  writeFileSync(path, lines.join("\n"));
  const result = await verify();
  assert.deepEqual([result.code, result.ok], [1, false]);
  assert.deepEqual([result.broken?.file, result.broken?.line], ["audit-00000001.jsonl", 4]);
});
