/**
 * The control plane is away while requests go on: sidecars hold what they have to tell, and tell all of it, in order, when it is
 * back. At full size for 30 s.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Application, eventually } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { lineRecord } from "../support/telemetry-receivers.ts";

const BEFORE = 20;
const AWAY = 300;
/** Until all those requests are made, or for 30 s. */
const ABSENCE_MS = IS_FULL_SIZE ? 30_000 : 0;

const object = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec },
});

let application: Application;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let asked = 0;

before(async () => {
  application = await Application.start({
    catalog: { v1: 1 },
    keepsControlPlaneApart: true,
    resources: [
      object("TelemetryPolicy", "everything", {
        accessLogs: [{ output: "ControlPlane" }],
        tracing: { sampling: 100 },
      }),
    ],
  });
  const path = telemetryFile();
  const spec = { file: { path }, signals: ["Logs", "Traces"], batch: { delay: "50ms" } };
  await application.apply(object("TelemetryExporter", "file", spec));
});

after(async () => {
  agent.destroy();
  await application?.close();
});

function telemetryFile(): string {
  return join(application.home.path, "telemetry.log");
}

/** One after the other, which is the order that the records of each sidecar come in. */
async function send(count: number, overMs = 0): Promise<void> {
  for (let index = 0; index < count; index++) {
    const { host, port } = application.client.target;
    await new Promise<void>((resolve, reject) => {
      get({ host, port, agent, path: `/${asked++}` }, (response) => {
        assert.equal(response.statusCode, 200);
        text(response).then(() => resolve(), reject);
      }).on("error", reject);
    });
    if (overMs > 0) await delay(overMs / count);
  }
}

/** What came of one sidecar, each record once: the answer to a message may have been lost. */
function told(teller: string): readonly string[] {
  if (!existsSync(telemetryFile())) return [];
  const lines = readFileSync(telemetryFile(), "utf8").split("\n").slice(0, -1);
  return [...new Set(lines.map(lineRecord).filter((one) => one.startsWith(`${teller} `)))];
}

const TELLERS = ["source", "destination", "CLIENT", "SERVER"];
const isAllTold = (): boolean => TELLERS.every((teller) => told(teller).length >= asked);

test("nothing that sidecars tell is lost while there is no control plane", async () => {
  await send(BEFORE);
  await eventually(() => isAllTold() || undefined);
  const { proxies } = await application.admin.proxies();
  const sending = send(BEFORE);
  const where = application.controlPlaneFile();
  application.controlPlane?.signal("SIGTERM");
  await application.controlPlane?.ended;
  await sending;
  await send(AWAY, ABSENCE_MS);
  assert.ok(!isAllTold());
  await application.restartControlPlane(where);
  await send(BEFORE);
  const { tookMs } = await eventually(() => isAllTold() || undefined);
  for (const teller of TELLERS) {
    const expected = Array.from({ length: asked }, (_, index) => `${teller} /${index}`);
    assert.deepEqual(told(teller), expected);
  }
  for (const { adminAddress } of proxies) {
    const page = await (await fetch(`http://${adminAddress}/metrics`)).text();
    assert.match(page, /^tulle_log_records_total\{result="dropped"\} 0$/m);
    assert.match(page, /^tulle_spans_total\{result="dropped"\} 0$/m);
  }
  await eventually(async () => {
    const { traffic } = await application.admin.telemetry.overview({});
    return traffic.requests === asked || undefined;
  });
  console.log(
    `${AWAY} requests without a control plane, all told ${Math.round(tookMs)} ms after it was back`,
  );
});
