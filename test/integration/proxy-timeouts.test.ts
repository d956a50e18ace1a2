/** Every time limit of the data plane, on a clock that only the test moves. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

interface Setup {
  readonly action?: JsonObject;
  readonly manager?: JsonObject;
  readonly tls?: JsonObject;
}

async function setUp(context: TestContext, { action = {}, manager = {}, tls }: Setup = {}) {
  const clock = new ManualClock();
  const upstream = await RawUpstream.start(context);
  const cluster = {
    name: "app",
    endpoints: [upstream.port],
    ...(tls === undefined ? {} : { tls }),
  };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: [routeTo("app", action)], manager }], [cluster]),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { clock, upstream, proxy, client };
}

test("a handshake that does not end is given up after the connect timeout", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context, {
    tls: { common_tls_context: {} },
  });
  client.get();
  await upstream.until(() => upstream.connections.length === 1);
  clock.advance(1_100);
  const response = await client.response();
  assert.equal(response.status, 503);
  assert.match(response.body, /longer than the connect timeout/);
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="UF"'), 1);
});

test("the route timeout answers 504 and resets the request upstream", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context, { action: { timeout: "2s" } });
  client.get();
  await upstream.next();
  clock.advance(1_900);
  clock.advance(200);
  const response = await client.response();
  assert.equal(response.status, 504);
  assert.match(response.body, /within the route's timeout/);
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="UT"'), 1);
});

test("the route timeout counts from the end of the request", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context, { action: { timeout: "2s" } });
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\na");
  await until(() => proxy.dataPlane.clusters.get("app")?.endpoints[0]?.activeRequests === 1);
  clock.advance(60_000);
  client.send("b");
  (await upstream.next()).reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("the route timeout cuts a response that takes too long in total", async (context) => {
  const { clock, upstream, client } = await setUp(context, { action: { timeout: "2s" } });
  client.get();
  const { connection } = await upstream.next();
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
  await client.text(/ab$/);
  clock.advance(2_100);
  await assert.rejects(client.response(), /within a response/);
  await upstream.until(() => connection.hasEnded);
});

test("a timeout of zero is none", async (context) => {
  const { clock, upstream, client } = await setUp(context, { action: { timeout: "0s" } });
  client.get();
  const request = await upstream.next();
  clock.advance(200_000);
  request.reply("late");
  assert.equal((await client.response()).body, "late");
});

test("a single try has its limit, and the next one a new one", async (context) => {
  const retry = { retry_on: "5xx", num_retries: 1, per_try_timeout: "1s" };
  const { clock, upstream, client, proxy } = await setUp(context, {
    action: { timeout: "30s", retry_policy: retry },
  });
  const cluster = proxy.dataPlane.clusters.get("app");
  client.get("/a");
  const first = await upstream.next();
  clock.advance(1_100);
  await upstream.until(() => first.connection.hasEnded);
  clock.advance(100);
  const second = await upstream.next();
  clock.advance(800);
  second.reply("second");
  assert.equal((await client.response()).body, "second");
  client.get("/b");
  await upstream.next();
  clock.advance(1_100);
  await until(() => cluster?.counts.retries === 2);
  clock.advance(100);
  await upstream.next();
  clock.advance(1_100);
  const last = await client.response();
  assert.equal(last.status, 504);
  assert.match(last.body, /limit for a single try/);
  assert.equal(cluster?.activeRequests, 0);
});

test("the limit of a try that broke off does not end the next", async (context) => {
  const retry = { retry_on: "reset", num_retries: 1, per_try_timeout: "1s" };
  const { clock, upstream, client, proxy } = await setUp(context, {
    action: { retry_policy: retry },
  });
  client.get();
  (await upstream.next()).connection.socket.resetAndDestroy();
  await until(() => proxy.dataPlane.clusters.get("app")?.counts.retries === 1);
  clock.advance(600);
  const second = await upstream.next();
  clock.advance(600);
  second.reply("second");
  assert.equal((await client.response()).body, "second");
});

test("a silent client within its request gets 408, a silent upstream gives 504", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context, {
    manager: { stream_idle_timeout: "5s" },
    action: { timeout: "0s" },
  });
  client.get();
  await upstream.next();
  clock.advance(7_000);
  assert.equal((await client.response()).status, 504);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\na");
  await until(() => proxy.dataPlane.clusters.get("app")?.endpoints[0]?.activeRequests === 1);
  clock.advance(7_000);
  const late = await client.response();
  assert.equal(late.status, 408);
  assert.ok(RawClient.closes(late));
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="SI"'), 2);
});

test("a stream on which bytes move is not idle", async (context) => {
  const { clock, upstream, client } = await setUp(context, {
    manager: { stream_idle_timeout: "5s" },
    action: { timeout: "0s" },
  });
  client.get();
  const { connection } = await upstream.next();
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  for (const text of ["a", "b", "c", "d"]) {
    connection.send(text);
    await client.text(new RegExp(`${text}$`));
    clock.advance(4_000);
  }
  assert.equal((await client.response()).body, "abcd");
});

test("a head that comes too slowly is answered 408, however steadily it comes", async (context) => {
  const { clock, client, proxy } = await setUp(context, {
    manager: { request_headers_timeout: "3s" },
  });
  client.send("GET / HTTP/1.1\r\n");
  await until(() => {
    const [connection] = proxy.httpServer().connections;
    return connection !== undefined && "isIdle" in connection && !connection.isIdle;
  });
  for (let second = 0; second < 3; second++) {
    clock.advance(1_000);
    client.send(`X-${second}: y\r\n`);
  }
  clock.advance(1_500);
  const response = await client.response();
  assert.equal(response.status, 408);
  assert.equal((await client.ending()).unread, "");
  assert.equal(proxy.metric("istio_requests_total", 'response_code="408"'), 1);
});

test("the rest of a request that is answered has a limit, and no second answer", async (context) => {
  const { clock, client, proxy } = await setUp(context, {
    manager: {
      request_headers_timeout: "3s",
      route_config: {
        name: "r",
        virtual_hosts: [
          {
            name: "v",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, direct_response: { status: 403 } }],
          },
        ],
      },
    },
  });
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nabc");
  assert.equal((await client.response()).status, 403);
  clock.advance(5_000);
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });

  const patient = await RawClient.connect(proxy.port());
  patient.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nabc");
  await patient.response();
  patient.send("defghij");
  await patient.get("/next").response();
  clock.advance(60_000);
  await patient.get("/later").response();
  patient.close();
});

test("an idle connection ends after its limit, one in use does not", async (context) => {
  const { clock, upstream, client } = await setUp(context, {
    manager: { common_http_protocol_options: { idle_timeout: "30s" } },
    action: { timeout: "0s" },
  });
  client.get();
  const request = await upstream.next();
  clock.advance(40_000);
  request.reply("late");
  assert.equal((await client.response()).body, "late");
  clock.advance(29_000);
  client.get();
  (await upstream.next()).reply("again");
  assert.equal((await client.response()).body, "again");
  clock.advance(62_000);
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
});

test("an idle connection stays where its limit is 0s", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context, {
    manager: { common_http_protocol_options: { idle_timeout: "0s" } },
  });
  const silent = await RawClient.connect(proxy.port());
  client.get();
  (await upstream.next()).reply("first");
  assert.equal((await client.response()).body, "first");
  clock.advance(100 * 3_600_000);
  for (const connection of [client, silent]) {
    connection.get();
    (await upstream.next()).reply("much later");
    assert.equal((await connection.response()).body, "much later");
    connection.close();
  }
});

test("a client that leaves our end unanswered is cut off", async (context) => {
  const { clock, upstream, client, proxy } = await setUp(context);
  client.get("/", ["Connection: close"]);
  (await upstream.next()).reply("last");
  await client.response();
  await client.ending();
  const server = proxy.httpServer();
  assert.equal(server.connections.size, 1);
  await until(() => {
    clock.advance(3_000);
    return server.connections.size === 0;
  });
});
