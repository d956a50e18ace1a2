/** Retries: which requests and answers they are for, when they come, what bounds them, and hedging. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

interface Setup {
  readonly policy?: JsonObject;
  readonly action?: JsonObject;
  readonly manager?: JsonObject;
  readonly host?: JsonObject;
  readonly circuit?: JsonObject;
}

/** Without a wait that the test would have to sit out. */
const AT_ONCE = { retry_back_off: { base_interval: "0.001s", max_interval: "0.001s" } };

async function setUp(context: TestContext, setup: Setup = {}) {
  const { policy, action = {}, manager = {}, host = {}, circuit } = setup;
  const clock = new ManualClock();
  const upstream = await RawUpstream.start(context);
  const retry = policy === undefined ? {} : { retry_policy: { ...AT_ONCE, ...policy } };
  const routes = [routeTo("app", { timeout: "20s", ...action, ...retry })];
  const fields = circuit === undefined ? {} : { circuit_breakers: { thresholds: [circuit] } };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [
        {
          routes,
          manager: {
            route_config: {
              name: "routes",
              virtual_hosts: [{ name: "all", domains: ["*"], routes, ...host }],
            },
            ...manager,
          },
        },
      ],
      [{ name: "app", endpoints: [upstream.port], fields }],
    ),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  const cluster = proxy.dataPlane.clusters.get("app");
  assert.ok(cluster);
  return { clock, upstream, proxy, client, cluster };
}

/** What the promise resolves with, while time passes by `stepMs` a turn. */
async function passing<T>(clock: ManualClock, promise: Promise<T>, stepMs = 20): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  promise.then(done, done);
  while (!isDone) {
    clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

test("409 and what a rate limit refused are retried by conditions of their own", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    policy: { retry_on: "retriable-4xx,envoy-ratelimited", num_retries: 2 },
  });
  client.get();
  (await upstream.next()).reply("", [], "409 Conflict");
  const limited = await passing(clock, upstream.next());
  limited.reply("", ["x-envoy-ratelimited: true"], "429 Too Many Requests");
  (await passing(clock, upstream.next())).reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("fields of an answer are judged by value", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    policy: {
      retry_on: "retriable-headers",
      retriable_headers: [{ name: "x-busy", string_match: { exact: "yes" } }],
    },
  });
  client.get();
  (await upstream.next()).reply("", ["x-busy: yes"]);
  (await passing(clock, upstream.next())).reply("calm", ["x-busy: no"]);
  assert.equal((await client.response()).body, "calm");
});

test("only requests that the policy names are retried", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    policy: {
      retry_on: "5xx",
      retriable_request_headers: [{ name: ":method", string_match: { exact: "GET" } }],
    },
  });
  client.send("DELETE / HTTP/1.1\r\nhost: app\r\n\r\n");
  (await upstream.next()).reply("", [], "503 Busy");
  assert.equal((await client.response()).status, 503);
  client.get();
  (await upstream.next()).reply("", [], "503 Busy");
  (await passing(clock, upstream.next())).reply();
  assert.equal((await client.response()).status, 200);
});

test("a retry comes when the answer says, and not at all when that is behind the deadline", async (context) => {
  const { clock, client, upstream, cluster } = await setUp(context, {
    policy: {
      retry_on: "retriable-status-codes",
      retriable_status_codes: [429],
      num_retries: 1,
      rate_limited_retry_back_off: {
        reset_headers: [
          { name: "retry-after", format: "SECONDS" },
          { name: "x-ratelimit-reset", format: "UNIX_TIMESTAMP" },
        ],
        max_interval: "60s",
      },
    },
  });
  client.get();
  (await upstream.next()).reply("", ["retry-after: 5"], "429 Slow Down");
  await upstream.until(() => cluster.counts.retries === 1);
  const beganMs = clock.monotonicMs();
  const second = await passing(clock, upstream.next());
  const pauseMs = clock.monotonicMs() - beganMs;
  assert.ok(pauseMs >= 4_900 && pauseMs <= 7_700, String(pauseMs));
  second.reply();
  await client.response();
  client.get();
  (await upstream.next()).reply("", ["retry-after: 30"], "429 Slow Down");
  const answer = await client.response();
  assert.equal(answer.status, 429, "the route would not wait so long");
  assert.equal(headerOf(answer, "retry-after"), "30");
  assert.equal(cluster.counts.retries, 1);
});

test("both sides are told how many tries there were", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    policy: { retry_on: "5xx", num_retries: 1 },
    host: { include_request_attempt_count: true, include_attempt_count_in_response: true },
  });
  client.get();
  const first = await upstream.next();
  assert.equal(headerOf(first, "x-envoy-attempt-count"), "1");
  first.reply("", [], "500 Oops");
  const second = await passing(clock, upstream.next());
  assert.equal(headerOf(second, "x-envoy-attempt-count"), "2");
  second.reply();
  assert.equal(headerOf(await client.response(), "x-envoy-attempt-count"), "2");
});

test("routes without a policy have that of their virtual host", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    host: { retry_policy: { retry_on: "5xx", ...AT_ONCE } },
  });
  client.get();
  (await upstream.next()).reply("", [], "500 Oops");
  (await passing(clock, upstream.next())).reply("second");
  assert.equal((await client.response()).body, "second");
});

test("a trusted caller asks for retries in fields of its request", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    manager: {
      internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
    },
  });
  const asks = ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 2"];
  client.get("/", ["x-forwarded-for: 10.0.0.1", ...asks]);
  const first = await upstream.next();
  assert.equal(headerOf(first, "x-envoy-retry-on"), undefined);
  first.reply("", [], "500 Oops");
  (await passing(clock, upstream.next())).reply("", [], "500 Oops");
  (await passing(clock, upstream.next())).reply("third");
  assert.equal((await client.response()).body, "third");
  client.get("/", ["x-forwarded-for: 9.9.9.9", ...asks]);
  (await upstream.next()).reply("", [], "500 Oops");
  assert.equal((await client.response()).status, 500);
});

test("a budget bounds the load that retries add, and what they may be at once", async (context) => {
  const { clock, client, upstream, cluster, proxy } = await setUp(context, {
    policy: { retry_on: "5xx", num_retries: 3 },
    circuit: { retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 1 } },
  });
  let answered = 0;
  for (let i = 0; i < 100; i++) {
    client.get();
    const answer = client.response();
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    while (!isAnswered) {
      for (let taken = upstream.requests.length; answered < taken; answered += 1) {
        upstream.requests[answered]!.reply("", [], "503 Down");
      }
      clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await answer).status, 503);
  }
  const extra = upstream.requests.length - 100;
  assert.ok(extra >= 19 && extra <= 21, String(extra));
  assert.equal(cluster.counts.retries, extra);
  assert.ok(proxy.metric("tulle_upstream_retry_overflows_total") >= 79);
  client.get();
  (await upstreamAt(upstream, 100 + extra)).reply("well again");
  assert.equal((await client.response()).body, "well again");
});

async function upstreamAt(upstream: RawUpstream, index: number) {
  await upstream.until(() => upstream.requests.length > index);
  return upstream.requests[index]!;
}

const HEDGED: Setup = {
  policy: { retry_on: "5xx", num_retries: 2, per_try_timeout: "1s" },
  action: { hedge_policy: { hedge_on_per_try_timeout: true } },
};

test("hedging: a slow try goes on, another begins, the first good answer counts", async (context) => {
  const { clock, client, upstream, cluster } = await setUp(context, HEDGED);
  client.send("POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 4\r\n\r\nbody");
  const first = await upstream.next();
  assert.equal(headerOf(first, "x-envoy-expected-rq-timeout-ms"), "20000");
  clock.advance(1_100);
  const second = await passing(clock, upstream.next());
  assert.equal(second.body, "body");
  assert.equal(first.connection.hasEnded, false);
  first.reply("first");
  assert.equal((await client.response()).body, "first");
  await upstream.until(() => second.connection.hasEnded);
  assert.equal(cluster.counts.hedges, 1);
  assert.equal(cluster.activeRequests, 0);
  assert.equal(cluster.endpoints[0]?.activeRequests, 0);
  assert.equal(cluster.breaker.retries, 0);
});

test("hedging: the later try may be the faster one, and a bad answer waits for the others", async (context) => {
  const { clock, client, upstream, cluster } = await setUp(context, HEDGED);
  client.get("/1");
  const first = await upstream.next();
  clock.advance(1_100);
  (await passing(clock, upstream.next())).reply("second");
  assert.equal((await client.response()).body, "second");
  await upstream.until(() => first.connection.hasEnded);
  client.get("/2");
  const slow = await upstream.next();
  clock.advance(1_100);
  const other = await passing(clock, upstream.next());
  slow.reply("", [], "500 Oops");
  await upstream.until(() => slow.connection.hasEnded);
  other.reply("other");
  assert.equal((await client.response()).body, "other");
  assert.equal(cluster.endpoints[0]?.activeRequests, 0);
});

test("hedging: when all tries fail, the last failure is told; when time is over, all end", async (context) => {
  const { clock, client, upstream, cluster } = await setUp(context, HEDGED);
  client.get("/1");
  const first = await upstream.next();
  clock.advance(1_100);
  const second = await passing(clock, upstream.next());
  second.reply("", [], "500 Oops");
  const third = await passing(clock, upstream.next());
  first.connection.socket.destroy();
  third.reply("", [], "502 Bad");
  assert.equal((await client.response()).status, 502);
  client.get("/2");
  await upstream.next();
  clock.advance(1_100);
  await passing(clock, upstream.next());
  const late = await passing(clock, client.response(), 500);
  assert.equal(late.status, 504);
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(cluster.endpoints[0]?.activeRequests, 0);
  assert.equal(cluster.activeRequests, 0);
});
