/** Connections of a cluster: which is used again, how many there are, what happens when none can be had. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { freePort } from "../support/free-port.ts";
import { bootstrapOf, idleTimeout, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture, type ProxyOptions } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

interface Setup extends ProxyOptions {
  readonly fields?: JsonObject;
  readonly action?: JsonObject;
  /** Endpoints besides the upstream. */
  readonly others?: readonly number[];
}

async function setUp(context: TestContext, setup: Setup = {}) {
  const { fields = {}, action = {}, others = [], ...options } = setup;
  const upstream = await RawUpstream.start(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action)] }],
      [{ name: "app", endpoints: [upstream.port, ...others], fields }],
    ),
    options,
  );
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    return client;
  };
  const cluster = proxy.dataPlane.clusters.get("app");
  const endpoint = cluster?.endpoints[0];
  assert.ok(cluster && endpoint);
  return { upstream, proxy, connect, cluster, endpoint };
}

function limits(thresholds: JsonObject): JsonObject {
  return { circuit_breakers: { thresholds: [thresholds] } };
}

test("the connection that became idle last is used first", async (context) => {
  const { upstream, connect } = await setUp(context);
  const [a, b] = [await connect(), await connect()];
  a.get("/a");
  const first = await upstream.next();
  b.get("/b");
  const second = await upstream.next();
  second.reply();
  await b.response();
  first.reply();
  await a.response();
  b.get("/c");
  assert.equal((await upstream.next()).connection.index, first.connection.index);
});

test("idle connections end with the cluster's limit, and are not used when they are older", async (context) => {
  const clock = new ManualClock();
  const fields = { typed_extension_protocol_options: idleTimeout("30s") };
  const { upstream, connect, endpoint } = await setUp(context, { clock, fields });
  const client = await connect();
  client.get();
  (await upstream.next()).reply();
  await client.response();
  clock.advance(29_000);
  client.get();
  const again = await upstream.next();
  assert.equal(again.connection.index, 0);
  again.reply();
  await client.response();
  clock.advance(36_000);
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(endpoint.idleCount, 0);
});

test("an idle limit that the server tells is kept with a margin", async (context) => {
  const clock = new ManualClock();
  const { upstream, connect } = await setUp(context, { clock });
  const client = await connect();
  const exchange = async (timeout: string): Promise<number> => {
    client.get();
    const request = await upstream.next();
    request.reply("", [`Keep-Alive: timeout=${timeout}, max=100`]);
    await client.response();
    return request.connection.index;
  };
  assert.equal(await exchange("5"), 0);
  clock.advance(3_900);
  assert.equal(await exchange("5"), 0);
  clock.advance(4_100);
  assert.equal(await exchange("1"), 1);
  clock.advance(400);
  assert.equal(await exchange("1"), 1);
  clock.advance(600);
  assert.equal(await exchange("1"), 2);
});

test("a server that ends its connections gets a new one for each request", async (context) => {
  const { upstream, connect } = await setUp(context);
  const client = await connect();
  for (const index of [0, 1]) {
    client.get();
    const request = await upstream.next();
    assert.equal(request.connection.index, index);
    request.reply("", ["Connection: close"]);
    await client.response();
  }
});

test("max_requests answers 503 UO beyond it", async (context) => {
  const { upstream, connect, proxy } = await setUp(context, {
    fields: limits({ max_requests: 1 }),
  });
  const [a, b] = [await connect(), await connect()];
  a.get();
  const request = await upstream.next();
  b.get();
  const refused = await b.response();
  assert.equal(refused.status, 503);
  assert.match(refused.body, /circuit breaker/);
  request.reply();
  assert.equal((await a.response()).status, 200);
  b.get();
  (await upstream.next()).reply();
  assert.equal((await b.response()).status, 200);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="UO"'), 1);
  assert.equal(proxy.metric("tulle_upstream_overflows_total"), 1);
});

test("max_connections lets requests wait in order, max_pending_requests bounds how many", async (context) => {
  const fields = limits({ max_connections: 1, max_pending_requests: 2 });
  const { upstream, connect, endpoint } = await setUp(context, { fields });
  const clients = [await connect(), await connect(), await connect(), await connect()];
  clients[0]?.get("/0");
  const first = await upstream.next();
  clients[1]?.get("/1");
  while (endpoint.waitingCount < 1) await new Promise((resolve) => setImmediate(resolve));
  clients[2]?.get("/2");
  while (endpoint.waitingCount < 2) await new Promise((resolve) => setImmediate(resolve));
  clients[3]?.get("/3");
  assert.equal((await clients[3]?.response())?.status, 503);
  first.reply();
  for (const path of ["/1", "/2"]) {
    const request = await upstream.next();
    assert.equal(request.target, path);
    assert.equal(request.connection.index, 0);
    request.reply(path);
  }
  assert.equal((await clients[2]?.response())?.body, "/2");
});

/** Which timer the system runs for the connection to this port: proc_net_tcp(5), `tr`. */
function timerOf(upstreamPort: number): string | undefined {
  const port = upstreamPort.toString(16).toUpperCase().padStart(4, "0");
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const [, , remote = "", , , timer] = line.trim().split(/\s+/);
    if (remote.endsWith(`:${port}`)) return timer;
  }
  return undefined;
}

test("the system asks the other end of a silent connection where the cluster says so", async (context) => {
  const keepalive = { keepalive_time: 100, keepalive_interval: 10, keepalive_probes: 3 };
  for (const [fields, kind] of [
    [{ upstream_connection_options: { tcp_keepalive: keepalive } }, "02"],
    [{}, "00"],
  ] as const) {
    const { upstream, connect } = await setUp(context, { fields });
    const client = await connect();
    client.get();
    (await upstream.next()).reply();
    await client.response();
    // 01 while the last segment is not acknowledged.
    while (timerOf(upstream.port)?.startsWith("01")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [timer, leftHex = ""] = timerOf(upstream.port)?.split(":") ?? [];
    assert.equal(timer, kind);
    const leftS = Number.parseInt(leftHex, 16) / 100;
    if (kind === "02") assert.ok(leftS > 90 && leftS <= 100, `${leftS} s`);
  }
});

test("a connection that ends makes room for those that wait", async (context) => {
  const { upstream, connect, endpoint } = await setUp(context, {
    fields: limits({ max_connections: 1 }),
  });
  const [a, b] = [await connect(), await connect()];
  a.get("/a");
  const first = await upstream.next();
  b.get("/b");
  while (endpoint.waitingCount < 1) await new Promise((resolve) => setImmediate(resolve));
  first.reply("", ["Connection: close"]);
  const second = await upstream.next();
  assert.equal(second.connection.index, 1);
  second.reply("b");
  assert.equal((await b.response()).body, "b");
});

test("who waits and goes away leaves the queue", async (context) => {
  const { upstream, connect, endpoint, proxy } = await setUp(context, {
    fields: limits({ max_connections: 1 }),
  });
  const [a, b] = [await connect(), await connect()];
  a.get("/a");
  const first = await upstream.next();
  b.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhal");
  while (endpoint.waitingCount < 1) await new Promise((resolve) => setImmediate(resolve));
  b.socket.end();
  while (endpoint.waitingCount > 0) await new Promise((resolve) => setImmediate(resolve));
  first.reply();
  await a.response();
  assert.equal(upstream.requests.length, 1);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DC"'), 1);
});

test("a refused connection is tried on another endpoint when the route says so", async (context) => {
  const dead = await freePort();
  const action = { retry_policy: { retry_on: "connect-failure", num_retries: 2 } };
  const { upstream, connect, proxy } = await setUp(context, { action, others: [dead] });
  const client = await connect();
  for (let i = 0; i < 6; i++) {
    client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nbody");
    const request = await upstream.next();
    assert.equal(request.body, "body");
    request.reply("fine");
    assert.equal((await client.response()).body, "fine");
  }
  assert.ok(proxy.metric("tulle_upstream_retries_total") >= 2);
  assert.equal(
    proxy.metric("tulle_upstream_connect_failures_total"),
    proxy.metric("tulle_upstream_retries_total"),
  );
});

test("without a policy a refused connection is 503 UF, and says why", async (context) => {
  const dead = await freePort();
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [dead] }]),
  );
  const client = await RawClient.connect(proxy.port());
  client.get("/", ["Accept: application/json"]);
  const response = await client.response();
  assert.equal(response.status, 503);
  assert.deepEqual(JSON.parse(response.body), {
    status: 503,
    flag: "UF",
    details: "upstream_reset_before_response_started{connection_failure}",
    message: "the upstream could not be connected to: connection refused: nothing listens there",
  });
  client.close();
});

test("a request that was sent is not sent again, unless the route says so", async (context) => {
  const { upstream, connect } = await setUp(context, {
    action: {
      retry_policy: {
        retry_on: "connect-failure,refused-stream,reset-before-request",
        num_retries: 3,
      },
    },
  });
  const client = await connect();
  client.get();
  (await upstream.next()).connection.socket.resetAndDestroy();
  assert.equal((await client.response()).status, 503);
  assert.equal(upstream.requests.length, 1);
});

test("a reset is retried after a pause when the route says so, but not behind a long body", async (context) => {
  const clock = new ManualClock();
  const { upstream, connect, cluster } = await setUp(context, {
    clock,
    action: { retry_policy: { retry_on: "reset", num_retries: 1 } },
  });
  const client = await connect();
  client.get();
  (await upstream.next()).connection.socket.resetAndDestroy();
  while (cluster.counts.retries < 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(upstream.requests.length, 1);
  clock.advance(100);
  (await upstream.next()).reply("second");
  assert.equal((await client.response()).body, "second");
  const body = "x".repeat(70_000);
  client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  (await upstream.next()).connection.socket.resetAndDestroy();
  assert.equal((await client.response()).status, 503);
  assert.equal(upstream.requests.length, 3);
});

test("a status of the policy is retried, and the last one is passed on", async (context) => {
  const clock = new ManualClock();
  const { upstream, connect, cluster, endpoint } = await setUp(context, {
    clock,
    action: {
      retry_policy: {
        retry_on: "retriable-status-codes",
        retriable_status_codes: [503],
        num_retries: 1,
      },
    },
  });
  const client = await connect();
  client.get();
  (await upstream.next()).reply("busy", [], "503 Busy");
  while (cluster.counts.retries < 1) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(100);
  (await upstream.next()).reply("still busy", [], "503 Busy");
  assert.equal((await client.response()).body, "still busy");
  assert.equal(endpoint.activeRequests, 0);
  assert.equal(cluster.activeRequests, 0);
});

test("max_retries bounds retries at the same time", async (context) => {
  const clock = new ManualClock();
  const { upstream, connect, cluster } = await setUp(context, {
    clock,
    fields: limits({ max_retries: 1 }),
    action: { retry_policy: { retry_on: "5xx", num_retries: 1 } },
  });
  const [a, b] = [await connect(), await connect()];
  a.get("/a");
  (await upstream.next()).reply("", [], "500 Oops");
  while (cluster.counts.retries < 1) await new Promise((resolve) => setImmediate(resolve));
  b.get("/b");
  (await upstream.next()).reply("", [], "500 Oops");
  assert.equal((await b.response()).status, 500);
  clock.advance(100);
  (await upstream.next()).reply("a");
  assert.equal((await a.response()).body, "a");
});

test("an endpoint that leaves closes its idle connections and finishes busy ones", async (context) => {
  const { upstream, connect, proxy } = await setUp(context);
  const [a, b] = [await connect(), await connect()];
  a.get("/busy");
  const busy = await upstream.next();
  b.get("/idle");
  const idle = await upstream.next();
  idle.reply();
  await b.response();
  proxy.dataPlane.setEndpoints("app", []);
  await upstream.until(() => idle.connection.hasEnded);
  assert.equal(busy.connection.hasEnded, false);
  busy.reply("done");
  assert.equal((await a.response()).body, "done");
  await upstream.until(() => busy.connection.hasEnded);
  b.get("/none");
  const none = await b.response();
  assert.equal(none.status, 503);
  assert.match(none.body, /no healthy upstream/);
});
