/**
 * Receivers of every exporter are away while requests go through sidecars: within the buffers' bound everything arrives when they are
 * back, in order, and once where the protocol can tell; past it the newest is dropped, counted and told. At full size for 30 s.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ChecksResponse, ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import { callApi } from "../support/control-plane-fixture.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { type Receiver, startReceivers } from "../support/telemetry-receivers.ts";
import { answerThat, until } from "../support/until.ts";
import { CatalogMesh } from "./catalog-mesh.ts";
import { TulleHome } from "./tulle-process.ts";

const MESH = "outages";
const MEMORY_BYTES = { logs: 1024 * 1024, traces: 512 * 1024 };
/** Before and after the outage, on both sides of the moment when it begins and ends. */
const BESIDE = 40;
/** Two records of less than 1.5 KB each: within the bound. */
const DURING = 150;
/** Nine tenths of it without receivers: until all of them are missed, or for 30 s and more. */
const SENDING_MS = IS_FULL_SIZE ? 36_000 : 0;
/** Past the bound; their queries make long records. */
const ROUND = 200;
const PAD = "x".repeat(1500);
const CONCURRENCY = 8;
/** Each request is told by both sidecars. */
const TELLERS = { logs: ["source", "destination"], traces: ["CLIENT", "SERVER"] };

const APP = `
require("node:http").createServer((request, response) => response.end("done")).listen(process.env.PORT, process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
`;

const object = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec },
});

let files: TulleHome;
let receivers: readonly Receiver[];
let mesh: CatalogMesh;
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
let asked = 0;

before(async () => {
  files = await TulleHome.create();
  receivers = await startReceivers(files.path);
  const exporters = receivers.map(({ name, signal, target }) =>
    object("TelemetryExporter", name, {
      ...{ batch: { delay: "50ms", maxRecords: 64 }, ...target },
      buffer: { memoryBytes: MEMORY_BYTES[signal] },
      retry: { initialDelay: "50ms", maxDelay: "500ms" },
    }),
  );
  mesh = await CatalogMesh.start({
    name: MESH,
    app: APP,
    resources: [
      object("TelemetryPolicy", "everything", {
        accessLogs: [{ output: "ControlPlane" }],
        tracing: { sampling: 100 },
      }),
      ...exporters,
    ],
  });
});

after(async () => {
  agent.destroy();
  await mesh?.remove();
  await Promise.all((receivers ?? []).map((receiver) => receiver.stop()));
  await files?.remove();
});

/** One after the other, which is the order that the records of each sidecar come in. */
async function send(count: number, overMs = 0): Promise<void> {
  for (let index = 0; index < count; index++) {
    assert.equal((await mesh.ask(`/${asked++}`, { agent })).status, 200);
    if (overMs > 0) await delay(overMs / count);
  }
}

async function api<T>(path: string): Promise<T> {
  const text = readFileSync(join(mesh.home.path, MESH, "control-plane.json"), "utf8");
  return (await callApi<T>(JSON.parse(text) as ControlPlaneFile, "GET", path)).body;
}

/** Names of exporters that the check of exports has the finding of. */
async function found(code: string): Promise<readonly string[]> {
  const { checks } = await api<ChecksResponse>("/api/v1/checks");
  const { findings } = checks.find(({ name }) => name === "exports") ?? assert.fail("no check");
  return findings.filter((one) => one.code === code).map((one) => one.object?.name ?? "");
}

const failing = (): Promise<readonly string[]> => found("export-failing");

async function metrics(): Promise<(name: string, exporter: string) => number> {
  const lines = (await api<string>("/metrics")).split("\n");
  return (name, exporter) =>
    lines
      .filter((line) => line.startsWith(`${name}{`) && line.includes(`exporter="${exporter}"`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** What one sidecar told, each once: a batch whose acknowledgement was lost comes again, whole and in order. */
function toldBy(teller: string, came: readonly string[]): readonly string[] {
  return [...new Set(came.filter((one) => one.startsWith(`${teller} `)))];
}

function expected(teller: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${teller} /${index}`);
}

/** That a receiver has what both sidecars told of the first `count` requests, in order. */
function assertWhole({ name, signal, came }: Receiver, count: number): void {
  for (const teller of TELLERS[signal]) {
    assert.deepEqual(toldBy(teller, came), expected(teller, count), name);
  }
}

const arrived = (count: number) => (): boolean =>
  receivers.every(({ came }) => new Set(came).size >= 2 * count);

test("nothing is lost while receivers are away, and order is kept", async () => {
  await send(BESIDE);
  await until(arrived(BESIDE));
  const sending = send(BESIDE + DURING, SENDING_MS);
  await until(() => asked > 1.5 * BESIDE);
  for (const receiver of receivers) await receiver.stop();
  await sending;
  await answerThat(failing, (names) => names.length === receivers.length);
  assert.ok(!arrived(asked)());
  const sendingOn = send(BESIDE);
  for (const receiver of receivers) await receiver.start();
  await sendingOn;
  await until(arrived(asked));
  for (const receiver of receivers) assertWhole(receiver, asked);
  for (const { name, came } of receivers) {
    // These protocols know what came already, or acknowledge nothing.
    const knows = ["bulk", "loki", "zipkin", "syslog", "file"].includes(name);
    if (knows) assert.equal(came.length, 2 * asked, name);
  }
  await answerThat(failing, (names) => names.length === 0);
  const metric = await metrics();
  for (const { name } of receivers) {
    assert.equal(metric("tulle_export_dropped_records_total", name), 0, name);
    assert.equal(metric("tulle_export_records_total", name), 2 * asked, name);
  }
});

test("past the bound the newest is dropped, counted, and told by tulle check", async () => {
  const sentBefore = 2 * asked;
  for (const receiver of receivers) await receiver.stop();
  let metric = await metrics();
  const dropped = (name: string): number => metric("tulle_export_dropped_records_total", name);
  const waiting = (name: string): number => metric("tulle_export_buffer_records", name);
  let all = 0;
  do {
    const round = Array.from({ length: CONCURRENCY }, async () => {
      for (let index = 0; index < ROUND / CONCURRENCY; index++) {
        await mesh.ask(`/${asked++}?${PAD}`, { agent });
      }
    });
    await Promise.all(round);
    all = 2 * asked - sentBefore;
    // Sidecars have a bound, too: they get rid of a round before the next.
    await answerThat(
      async () => {
        metric = await metrics();
        const names = receivers.map(({ name }) => name);
        return names.filter((name) => waiting(name) + dropped(name) !== all);
      },
      (behind) => behind.length === 0,
    );
  } while (receivers.some(({ name }) => dropped(name) === 0));
  const check = await mesh.home.start(["check"]).ended;
  for (const { name, signal } of receivers) {
    const words = `${dropped(name)} records of ${signal} were dropped, the last one at \\S+: the buffer was full`;
    assert.match(check.output, new RegExp(words), name);
  }
  assert.equal((await found("export-dropping")).length, receivers.length);
  const kept = new Map(receivers.map(({ name }) => [name, waiting(name)]));
  for (const receiver of receivers) await receiver.start();
  for (const { name, came } of receivers) {
    const wanted = sentBefore + (kept.get(name) ?? 0);
    await until(() => new Set(came).size >= wanted);
    assert.equal(new Set(came).size, wanted, name);
  }
  metric = await metrics();
  for (const { name } of receivers) assert.equal(dropped(name) + (kept.get(name) ?? 0), all, name);
});
