/** The control plane is killed with SIGKILL under load and stays away; then it comes back and nothing is lost. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ResourceObject } from "../../src/control-plane/api-types.ts";
import { Application, eventually, killAll, splitRoute } from "../support/application.ts";
import { usedCount } from "../support/endpoint-watch.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { LoadClient, shareOf, shares, summary } from "../support/load-client.ts";

/** How long there is no control plane: a minute at full size. */
const ABSENCE_MS = IS_FULL_SIZE ? 60_000 : 6_000;
const STEADY_RATE = 150;
/** Longer than connections to apps are kept: each such request finds another state of the pools. */
const RARE_RATE = 1 / 3;
const KINDS = ["Service", "HTTPRoute", "MeshConfig", "Workload", "TrafficPolicy"] as const;
const INSTANCES = 3;

let application: Application;

before(async () => {
  application = await Application.start({
    catalog: { v1: 2, v2: 1 },
    keepsControlPlaneApart: true,
  });
});

after(() => application?.close());

async function everything(): Promise<readonly ResourceObject[]> {
  const lists = await Promise.all(KINDS.map((kind) => application.admin.list(kind)));
  return lists.flatMap(({ items }) => items);
}

/** What must not change: everything but what the control plane itself says about the object. */
function identityOf({ kind, metadata, spec }: ResourceObject): unknown {
  const { name, namespace, labels, uid, creationTimestamp } = metadata;
  return { kind, name, namespace, labels, uid, creationTimestamp, spec };
}

test("a control plane killed under load fails no request, and loses nothing", async () => {
  const { client } = application;
  const split = await application.tulle(["split", "catalog", "v1=50", "v2=50", "--wait"]);
  assert.equal(split.code, 0, split.output);
  const objectsBefore = (await everything()).map(identityOf);
  const { revision: revisionBefore } = await application.admin.version();
  const watch = await application.watchEndpoints();
  const rareClient = new LoadClient(client.target);
  const steady = client.steady(STEADY_RATE, [{ method: "GET" }, { method: "POST", body: "x" }]);
  const rare = rareClient.steady(RARE_RATE, [{ method: "GET" }, { method: "POST", body: "x" }]);
  await steady.next();

  const killedAtMs = killAll([application.controlPlanePid()]);
  await delay(ABSENCE_MS);
  const absent = steady.outcomes.filter(({ startMs }) => startMs > killedAtMs).length;
  await application.restartControlPlane();
  const { tookMs } = await eventually(async () => {
    const { proxies } = await application.admin.proxies();
    return proxies.length === INSTANCES + 1 && proxies.every(({ sync }) => sync === "synced")
      ? true
      : undefined;
  });

  const objectsAfter = (await everything()).map(identityOf);
  const { revision: revisionAfter } = await application.admin.version();
  assert.deepEqual(objectsAfter, objectsBefore);
  assert.ok(revisionAfter >= revisionBefore);
  const instances = await application.catalogInstances();
  assert.equal(instances.filter(({ serving }) => serving).length, INSTANCES);

  const applied = await application.apply(splitRoute(0, 1));
  assert.ok(applied > revisionAfter);
  const changed = await client.burst(200, 8);
  assert.equal(shareOf(changed, "v2"), 100, shares(changed));
  const outcomes = await steady.stop();
  const rareOutcomes = await rare.stop();
  rareClient.close();
  await watch.stop();
  const fewest = Math.min(...watch.samples.map(usedCount));
  console.log(
    `no control plane for ${ABSENCE_MS / 1000} s (${absent} requests), all proxies back after ${Math.round(tookMs)} ms: ` +
      `steady ${summary(outcomes)}; rare ${summary(rareOutcomes)}; fewest endpoints ${fewest}; ` +
      `${objectsAfter.length} objects; revision ${revisionBefore} -> ${revisionAfter} -> ${applied}`,
  );
  assert.deepEqual(steady.failures, []);
  assert.deepEqual(rare.failures, []);
  assert.equal(fewest, INSTANCES, "nobody was deregistered at any moment");
});
