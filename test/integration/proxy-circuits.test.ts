/** Circuit breakers: what each limit turns away, for whom, how that is told, and what is left of it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

async function setUp(context: TestContext, breakers: JsonObject, routes?: readonly JsonObject[]) {
  const upstream = await RawUpstream.start(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: routes ?? "app" }],
      [{ name: "app", endpoints: [upstream.port], fields: { circuit_breakers: breakers } }],
    ),
  );
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    return client;
  };
  const cluster = proxy.dataPlane.clusters.get("app");
  assert.ok(cluster);
  return { upstream, proxy, connect, cluster };
}

test("a request too many gets 503 at once, with the flag and the field of Envoy", async (context) => {
  const { upstream, proxy, connect, cluster } = await setUp(context, {
    thresholds: [{ max_requests: 1, track_remaining: true }],
  });
  const first = await connect();
  first.get("/1");
  const held = await upstream.next();
  const second = await connect();
  second.get("/2", ["accept: application/json"]);
  const refused = await second.response();
  assert.equal(refused.status, 503);
  assert.equal(headerOf(refused, "x-envoy-overloaded"), "true");
  assert.match(refused.body, /"UO".*upstream_reset_before_response_started\{overflow\}/);
  const labels = 'priority="default",resource="requests"';
  assert.equal(proxy.metric("tulle_circuit_breaker_open", labels), 1);
  assert.equal(proxy.metric("tulle_circuit_breaker_remaining", labels), 0);
  held.reply();
  await first.response();
  assert.equal(proxy.metric("tulle_circuit_breaker_open", labels), 0);
  assert.equal(proxy.metric("tulle_circuit_breaker_remaining", labels), 1);
  assert.equal(cluster.counts.overflows, 1);
});

test("urgent requests have limits of their own, and go first", async (context) => {
  const { upstream, connect, cluster } = await setUp(
    context,
    {
      thresholds: [
        { max_connections: 1, max_pending_requests: 1 },
        { priority: "HIGH", max_connections: 1, max_pending_requests: 1 },
      ],
    },
    [routeTo("app", { priority: "HIGH" }, { prefix: "/urgent" }), routeTo("app")],
  );
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect()));
  clients[0]!.get("/1");
  const first = await upstream.next();
  clients[1]!.get("/2");
  await until(() => cluster.breaker.pending === 1);
  clients[2]!.get("/3");
  assert.equal((await clients[2]!.response()).status, 503);
  clients[3]!.get("/urgent/4");
  await until(() => cluster.urgentBreaker.pending === 1);
  clients[4]!.get("/urgent/5");
  assert.equal((await clients[4]!.response()).status, 503);
  first.reply();
  const urgent = await upstream.next();
  assert.equal(urgent.target, "/urgent/4");
  urgent.reply();
  const last = await upstream.next();
  assert.equal(last.target, "/2");
  last.reply();
  assert.equal((await clients[1]!.response()).status, 200);
  assert.equal(upstream.connections.length, 1);
  assert.equal(cluster.breaker.pending + cluster.urgentBreaker.pending, 0);
});

test("urgent requests may have connections that others may not", async (context) => {
  const { upstream, connect } = await setUp(
    context,
    { thresholds: [{ max_connections: 1 }, { priority: "HIGH", max_connections: 2 }] },
    [routeTo("app", { priority: "HIGH" }, { prefix: "/urgent" }), routeTo("app")],
  );
  const [plain, urgent] = [await connect(), await connect()];
  plain.get("/1");
  await upstream.next();
  urgent.get("/urgent");
  (await upstream.next()).reply("now");
  assert.equal((await urgent.response()).body, "now");
  assert.equal(upstream.connections.length, 2);
});

test("one endpoint gets no more connections than its limit", async (context) => {
  const { upstream, connect, cluster } = await setUp(context, {
    per_host_thresholds: [{ max_connections: 2 }],
  });
  const clients = await Promise.all(Array.from({ length: 3 }, () => connect()));
  for (const client of clients) client.get();
  const held = [await upstream.next(), await upstream.next()];
  await until(() => cluster.breaker.pending === 1);
  assert.equal(upstream.connections.length, 2);
  held[0]!.reply();
  (await upstream.next()).reply();
  held[1]!.reply();
  for (const client of clients) assert.equal((await client.response()).status, 200);
  assert.equal(upstream.connections.length, 2);
});
