/**
 * A limit of 100 requests a second at ten times as much: kept by an instance's sidecar, and by two control planes that count
 * in one Redis. At full size for 30 s.
 *
 * How it is counted: a token bucket holds `burst` tokens at the first request, and one more comes each 10 ms. So in a time T
 * in which there are always requests, `burst + 100 * T` pass. Of T the test knows a lower bound, from the first answer to
 * the last request, and an upper one, from the first request to the last answer.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { needs } from "../peers/peer-process.ts";
import { Application } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import type { Outcome } from "../support/load-client.ts";
import { RedisProcess } from "../support/redis-process.ts";

const LIMIT = 100;
/** As many as a second brings: what a busy machine holds back for less than that is not lost. */
const BURST = LIMIT;
const OFFERED = 1_000;
const DURATION_MS = IS_FULL_SIZE ? 30_000 : 10_000;
/** Of what went wrong, in a report. */
const EXAMPLES = 10;
/** The issue's. */
const TOLERANCE = 0.02;

const rules = [{ name: "all", limit: { requests: LIMIT, unit: "Second", burst: BURST } }];

function policy(limits: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...limits },
  };
}

async function startMesh(t: TestContext, controlPlane: readonly string[]): Promise<Application> {
  const application = await Application.start({ catalog: { v1: 1 }, controlPlane });
  t.after(() => application.close());
  return application;
}

/** Divides the load between the clients of these meshes, and judges what passed of all of it. */
async function judge(title: string, meshes: readonly Application[]): Promise<void> {
  // So that no connection has to be made when it counts. Its token is back before the next request.
  for (const { client } of meshes) assert.equal((await client.send()).status, 200);
  const loads = meshes.map(({ client }) => client.steady(OFFERED / meshes.length));
  await delay(DURATION_MS);
  const outcomes = (await Promise.all(loads.map((load) => load.stop()))).flat();
  const offered = loads.reduce((sum, load) => sum + load.offered, 0);
  const passed = outcomes.filter(({ status }) => status === 200).length;
  const others = outcomes.filter(({ status }) => status !== 200 && status !== 429);
  const [least, most] = timesOf(outcomes).map((seconds) => BURST + LIMIT * seconds) as [
    number,
    number,
  ];
  console.log(
    `${title}: offered ${offered.toFixed(0)}/s for ${DURATION_MS / 1000} s; ${passed} passed, ` +
      `a burst of ${BURST} and ${LIMIT}/s are ${least.toFixed(0)} to ${most.toFixed(0)}`,
  );
  assert.deepEqual(others.slice(0, EXAMPLES), []);
  assert.ok(offered > 2 * LIMIT, `${offered} a second are too few to tell`);
  assert.ok(passed >= (1 - TOLERANCE) * least, `${passed} passed, ${least} may`);
  assert.ok(passed <= (1 + TOLERANCE) * most, `${passed} passed, ${most} may`);
}

/** Seconds that there were requests for at least, and at most. */
function timesOf(outcomes: readonly Outcome[]): readonly [least: number, most: number] {
  const starts = outcomes.map(({ startMs }) => startMs);
  const ends = outcomes.map(({ endMs }) => endMs);
  const [firstStart, lastStart] = [Math.min(...starts), Math.max(...starts)];
  const [firstEnd, lastEnd] = [Math.min(...ends), Math.max(...ends)];
  return [(lastStart - firstEnd) / 1000, (lastEnd - firstStart) / 1000];
}

test("an instance's sidecar lets 100 requests a second pass of 1,000", async (t) => {
  const mesh = await startMesh(t, []);
  await mesh.apply(policy({ local: { rules } }));
  await judge("local", [mesh]);
});

test("two control planes on one Redis let 100 pass together", needs("redis-server"), async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "tulle-redis-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const redis = await RedisProcess.start(folder);
  t.after(() => redis.stop());
  const words = ["--rate-limit-redis", redis.url];
  const meshes = await Promise.all([startMesh(t, words), startMesh(t, words)]);
  // The machine may be slow: no answer in time would let requests pass uncounted.
  const global = { rules, timeout: "30s", onFailure: "Deny" };
  await Promise.all(meshes.map((mesh) => mesh.apply(policy({ global }))));
  await judge("global", meshes);
});
