/**
 * A split that is exact, and changes that lose no request; then certificates that are renewed under load. They share
 * a mesh whose certificates live as short as is allowed, so that renewals fall into the other stories too.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { Application, eventually, splitRoute } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { shareOf, shares, summary } from "../support/load-client.ts";

const SPLIT_REQUESTS = 5000;
const SPLIT_TOLERANCE_POINTS = 1.5;
const CHANGES = 50;
/** Each starts a process; the others go to the admin API, as its does. */
const CHANGES_BY_COMMAND = 5;
const STEADY_RATE = 150;
const LIFETIME_S = 60;
/** Each look is a handshake that the listener refuses and logs. */
const POLL_MS = 500;
/** At full size until no certificate of the start is valid any more; otherwise until each was renewed once. */
const RENEWALS = IS_FULL_SIZE ? 2 : 1;

let application: Application;
/** Serial numbers of the certificates that each inbound listener has shown, oldest first. */
const serials = new Map<string, string[]>();

before(async () => {
  application = await Application.start({
    catalog: { v1: 1, v2: 1 },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { certificates: { lifetime: `${LIFETIME_S}s` } },
      },
    ],
  });
  await noteSerials();
});

after(() => application?.close());

/**
 * What a client sees that shows no certificate of its own: the listener's comes before it is refused. Undefined when
 * the refusal was faster.
 */
function shownSerial(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(undefined));
  });
}

async function noteSerials(): Promise<void> {
  for (const { name, address, ports } of await application.catalogInstances()) {
    const serial = await shownSerial(address, ports[0]?.inboundPort ?? 0);
    const known = serials.get(name) ?? [];
    if (serial !== undefined && known.at(-1) !== serial) known.push(serial);
    serials.set(name, known);
  }
}

test("tulle split catalog v1=90 v2=10 --wait gives 10 % of 5,000 requests to v2", async () => {
  const split = await application.tulle(["split", "catalog", "v1=90", "v2=10", "--wait"]);
  assert.equal(split.code, 0, split.output);
  const outcomes = await application.client.burst(SPLIT_REQUESTS, 16);
  console.log(`split 90/10: ${shares(outcomes)}; ${summary(outcomes)}`);
  assert.deepEqual(
    outcomes.filter(({ failure }) => failure !== undefined),
    [],
  );
  assert.ok(Math.abs(shareOf(outcomes, "v2") - 10) <= SPLIT_TOLERANCE_POINTS);
});

test("no request fails while the split changes 50 times", async () => {
  const load = application.client.steady(STEADY_RATE, [
    { method: "GET" },
    { method: "POST", body: "x" },
  ]);
  const startMs = performance.now();
  for (let change = 1; change <= CHANGES; change++) {
    const weight = change % 2 === 0 ? 0 : change * 2;
    const isByCommand = change % (CHANGES / CHANGES_BY_COMMAND) === 1;
    if (isByCommand) {
      const words = [`v1=${100 - weight}`, `v2=${weight}`];
      const split = await application.tulle(["split", "catalog", ...words, "--wait"]);
      assert.equal(split.code, 0, split.output);
    } else {
      await application.apply(splitRoute(100 - weight, weight));
    }
    // What everybody acknowledged holds: with weight 0 nobody asks v2 any more.
    if (weight === 0) assert.equal((await application.client.send()).version, "v1");
  }
  await application.apply(splitRoute(0, 1));
  const after = await application.client.burst(200, 8);
  const tookMs = performance.now() - startMs;
  const outcomes = await load.stop();
  console.log(
    `${CHANGES} changes in ${(tookMs / 1000).toFixed(1)} s: ${summary(outcomes)}; then ${shares(after)}`,
  );
  assert.deepEqual(load.failures, []);
  assert.equal(shareOf(after, "v2"), 100);
});

test("certificates are renewed under load, and no request notices", async () => {
  await application.apply(splitRoute(1, 1));
  const load = application.client.steady(STEADY_RATE, [
    { method: "GET" },
    { method: "POST", body: "x" },
  ]);
  const { tookMs } = await eventually(async () => {
    await delay(POLL_MS);
    await noteSerials();
    const fewest = Math.min(...[...serials.values()].map(({ length }) => length));
    return fewest > RENEWALS ? true : undefined;
  });
  await load.next();
  const outcomes = await load.stop();
  const counts = [...serials].map(([name, seen]) => `${name} ${seen.length - 1}`).join(", ");
  console.log(
    `renewals in ${(tookMs / 1000).toFixed(1)} s: ${counts}; ${summary(outcomes)}; ${shares(outcomes)}`,
  );
  assert.deepEqual(load.failures, []);
  const status = await application.tulle(["status"]);
  assert.equal(status.code, 0, status.output);
});
