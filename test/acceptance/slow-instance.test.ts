/**
 * One of four instances of catalog takes 20 times as long as the others, in a mesh with no settings of its own: its
 * caller soon sends it next to nothing, whether it has one request under way or many. Judged by counts; and once by the
 * clock, at a steady rate.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Application } from "../support/application.ts";

const INSTANCES = 4;
/** What an answer of the others takes, so that it is the app which is slow and not the machine. */
const PLAN = { method: "GET", appDelayMs: 10 } as const;
/** Of its fair share. */
const SHARE_MAX = 1 / 4;
const REQUESTS = 400;
const RATE = 200;
/** The issue's: by then its share has shrunk. */
const WITHIN_MS = 3_000;
const COUNTED_MS = 2_000;

let application: Application;

before(async () => {
  application = await Application.start({ catalog: { v1: INSTANCES } });
});

after(() => application?.close());

async function countOf(instance: string, count: number, concurrency: number): Promise<number> {
  const outcomes = await application.client.burst(count, concurrency, PLAN);
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  assert.deepEqual(failed, [], "no request failed");
  return outcomes.filter((outcome) => outcome.instance === instance).length;
}

// Each with an instance that has been as fast as the others, and with no more requests before it counts than take 3 s.
const CASES = [
  { concurrency: 1, warmUp: 100 },
  { concurrency: 16, warmUp: 400 },
] as const;

for (const [index, { concurrency, warmUp }] of CASES.entries()) {
  test(`a slow instance gets at most a quarter of its fair share, ${concurrency} at a time`, async (context) => {
    const victim = (await application.catalogInstances())[index];
    assert.ok(victim);
    await countOf(victim.name, warmUp, concurrency);
    application.setSlow(victim.name, true);
    await countOf(victim.name, warmUp, concurrency);
    const slow = await countOf(victim.name, REQUESTS, concurrency);
    const most = (REQUESTS / INSTANCES) * SHARE_MAX;
    context.diagnostic(`${slow} of ${REQUESTS}`);
    assert.ok(slow <= most, `${slow} of ${REQUESTS}, at most ${most}`);
    application.setSlow(victim.name, false);
  });
}

test("at a steady rate its share has shrunk 3 s after it became slow", async (context) => {
  const victim = (await application.catalogInstances())[CASES.length];
  assert.ok(victim);
  // It has been as fast as the others.
  await countOf(victim.name, 400, 16);
  const load = application.client.steady(RATE, [PLAN]);
  await load.next(({ instance }) => instance === victim.name);
  const slowAtMs = application.setSlow(victim.name, true);
  await delay(WITHIN_MS + COUNTED_MS);
  const outcomes = await load.stop();
  application.setSlow(victim.name, false);
  assert.deepEqual(load.failures, []);
  const counted = outcomes.filter(({ startMs }) => startMs >= slowAtMs + WITHIN_MS);
  const slow = counted.filter(({ instance }) => instance === victim.name).length;
  context.diagnostic(`${slow} of ${counted.length} from ${WITHIN_MS} ms on`);
  assert.ok(slow <= (counted.length / INSTANCES) * SHARE_MAX, `${slow} of ${counted.length}`);
});
