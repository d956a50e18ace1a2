/**
 * Global rate limits counted in a real Redis: by two control planes of two meshes with real sidecars, and by two
 * clients directly, also while Redis goes and comes back.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parseRedisUrl } from "../../src/control-plane/rate-limit/redis-address.ts";
import { RedisClient } from "../../src/control-plane/rate-limit/redis-client.ts";
import { RedisCounter } from "../../src/control-plane/rate-limit/redis-counter.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { TulleHome } from "../e2e/tulle-process.ts";
import { RedisProcess } from "../support/redis-process.ts";
import { needs, temporaryFolder } from "./peer-process.ts";

const DAY_US = 86_400_000_000;

async function startRedis(t: TestContext): Promise<RedisProcess> {
  const redis = await RedisProcess.start(temporaryFolder(t));
  t.after(() => redis.stop());
  return redis;
}

interface Counting {
  readonly counter: RedisCounter;
  readonly client: RedisClient;
  readonly lines: string[];
}

async function countingIn(t: TestContext, url: string): Promise<Counting> {
  const lines: string[] = [];
  const client = new RedisClient({
    address: parseRedisUrl(url, "url"),
    clock: systemClock,
    prng: new SeededPrng(1),
    log: createLogger({
      clock: systemClock,
      sink: { write: (line: string) => lines.push(line) > 0 },
      threshold: { level: "info" },
      format: "text",
    }),
  });
  await client.start();
  t.after(() => client.stop());
  await untilAnswers(client);
  return { counter: new RedisCounter(client), client, lines };
}

async function untilAnswers(client: RedisClient): Promise<void> {
  for (;;) {
    try {
      await client.call(["PING"]);
      return;
    } catch {
      await delay(10);
    }
  }
}

const limitOf = (key: string, requests: number) => ({
  key,
  intervalUs: DAY_US / requests,
  burst: requests,
});

/** More than is asked for, and so few that the test's own time does not show: one comes back every 8.6 s. */
const WIDE = 10_000;

test("two that count in one Redis let through what one would", needs("redis-server"), async (t) => {
  const { url } = await startRedis(t);
  const [one, other] = [await countingIn(t, url), await countingIn(t, url)];
  const limits = [limitOf("{default/a}:all", 300), limitOf("{default/a}:wide", WIDE)];
  const takes = Array.from({ length: 1_000 }, (_, index) =>
    (index % 2 === 0 ? one : other).counter.take(limits, 1),
  );
  const answers = await Promise.all(takes);
  const passed = answers.filter((standings) => standings.every(({ isWithin }) => isWithin));
  assert.equal(passed.length, 300);
  // What is refused by one limit counts against no other.
  const [wide] = await one.counter.take([limitOf("{default/a}:wide", WIDE)], 1);
  assert.equal(Math.round((wide?.aheadUs ?? 0) / (DAY_US / WIDE)), 301);
});

test("a limit fills again by the clock of Redis", needs("redis-server"), async (t) => {
  const { url } = await startRedis(t);
  const { counter } = await countingIn(t, url);
  const limit = { key: "{default/a}:quick", intervalUs: 1_000, burst: 1 };
  for (let passed = 0; passed < 5; ) {
    const [standing] = await counter.take([limit], 1);
    if (standing?.isWithin === true) passed += 1;
  }
  const [many] = await counter.take([{ ...limit, key: "{default/a}:b", burst: 4 }], 5);
  assert.equal(many?.isWithin, false, "more than fit at once");
});

test("without Redis nothing is counted, which is said once", needs("redis-server"), async (t) => {
  const redis = await startRedis(t);
  const { counter, client, lines } = await countingIn(t, redis.url);
  const limit = limitOf("{default/a}:all", 10);
  await counter.take([limit], 1);
  await redis.stop();
  await assert.rejects(async () => {
    for (;;) await counter.take([limit], 1);
  });
  await assert.rejects(counter.take([limit], 1), /Redis/);
  await redis.run();
  await untilAnswers(client);
  // It does not know the script any more.
  const [standing] = await counter.take([limit], 1);
  assert.equal(standing?.isWithin, true);
  assert.equal(lines.filter((line) => line.includes("cannot be reached")).length, 1);
  assert.equal(lines.filter((line) => line.includes("answers again")).length, 1);
});

const APP = `
require("node:http").createServer((request, response) => response.end("done"))
  .listen(process.env.PORT, process.env.HOST);
process.on("SIGTERM", () => process.exit(0));
`;
const CLIENT = `
const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT: port } = process.env;
console.log("web at " + host + ":" + port + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

/** A mesh of its own with one instance of web; returns how it is asked. */
async function startMesh(t: TestContext, url: string): Promise<() => Promise<number>> {
  const home = await TulleHome.create();
  t.after(() => home.remove());
  const anyPorts = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
  const controlPlane = home.start(["control-plane", ...anyPorts, "--rate-limit-redis", url]);
  await controlPlane.waitFor(/ready/);
  const run = ["run", "--service"];
  const web = home.start([...run, "web", "--port", "auto", "--", "node", "-e", APP]);
  await web.waitFor(/serves web/);
  const file = join(home.path, "policy.json");
  const limit = { requests: 100, burst: 100, unit: "Day" };
  const policy = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: { name: "limits" },
    spec: {
      targetRefs: [{ kind: "Service", name: "web" }],
      global: { rules: [{ name: "all", limit }], timeout: "30s", onFailure: "Deny" },
    },
  };
  await writeFile(file, JSON.stringify(policy));
  const { code, output } = await home.start(["apply", "--wait", "-f", file]).ended;
  assert.equal(code, 0, output);
  const client = home.start([...run, "client", "--", "node", "-e", CLIENT]);
  const [, host = "", port] = await client.waitFor(/web at (\S+):(\d+)\./);
  return async () => {
    const outgoing = request({ host, port: Number(port), agent: false });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    await text(response);
    return response.statusCode;
  };
}

test("two control planes keep one limit together", needs("redis-server"), async (t) => {
  const { url } = await startRedis(t);
  const [one, other] = await Promise.all([startMesh(t, url), startMesh(t, url)]);
  const statuses: number[] = [];
  for (let i = 0; i < 80; i++) statuses.push(...(await Promise.all([one(), other()])));
  const passed = statuses.filter((status) => status === 200).length;
  const refused = statuses.filter((status) => status === 429).length;
  assert.equal(passed + refused, 160);
  assert.ok(Math.abs(passed - 100) <= 2, `${passed} of 100 passed`);
});
