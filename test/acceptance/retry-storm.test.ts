/** A whole service fails: what its callers' retries add to its load, what is never repeated, and how it comes back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Application, eventually } from "../support/application.ts";
import { repeatedIds } from "../support/journal.ts";

const INSTANCES = 4;
const REQUESTS = 1_000;
const CONCURRENCY = 16;
/** The limits. */
const EXTRA_MAX = 0.2;
const RECOVERED_WITHIN_MS = 5_000;

const POLICY = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TrafficPolicy",
  metadata: { name: "catalog" },
  spec: {
    targetRefs: [{ kind: "Service", name: "catalog" }],
    retries: {
      attempts: 2,
      on: ["connect-failure", "refused-stream", "reset-before-request", "gateway-error"],
      backoff: { base: "1ms", max: "2ms" },
    },
  },
};

let application: Application;

before(async () => {
  application = await Application.start({ catalog: { v1: INSTANCES } });
});

after(() => application?.close());

test("all instances fail: retries add a fifth at most, writes are never repeated, recovery needs nobody", async (context) => {
  await application.apply(POLICY);
  const instances = await application.catalogInstances();
  assert.equal(instances.length, INSTANCES);
  for (const { name } of instances) application.setFailing(name, true);
  const failed = await application.client.burst(REQUESTS, CONCURRENCY);
  const writes = await application.client.burst(50, 4, { method: "POST", body: "an order" });
  const journal = await application.journal();
  const ids = new Set(failed.map(({ id }) => id));
  assert.ok(failed.every(({ status }) => status === 503));
  const arrived = journal.filter(({ method, id }) => method === "GET" && ids.has(id)).length;
  const extra = arrived - REQUESTS;
  // What may fail at once is repeated once: a fifth of what was under way.
  const atOnce = EXTRA_MAX * CONCURRENCY;
  assert.ok(extra <= EXTRA_MAX * REQUESTS + atOnce, `${extra} more than ${REQUESTS} requests`);
  assert.ok(extra > 0, "retries were on");
  assert.ok(writes.every(({ status }) => status === 503));
  assert.deepEqual(repeatedIds(journal, "POST"), []);

  for (const { name } of instances) application.setFailing(name, false);
  const { tookMs } = await eventually(async () => {
    const outcomes = await application.client.burst(50, CONCURRENCY);
    return outcomes.every(({ status }) => status === 200) ? true : undefined;
  });
  context.diagnostic(`${extra} retries of ${REQUESTS}, well again in ${tookMs.toFixed(0)} ms`);
  assert.ok(tookMs < RECOVERED_WITHIN_MS, `${tookMs} ms until all was well`);
});
