/** Copies of requests: what they hold, and that nothing about them touches the original. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

/** The port of an app that answers when so many bytes have come. */
async function sink(context: TestContext, bytes: number): Promise<number> {
  const server = createServer((socket) => {
    let received = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.length;
      if (received >= bytes) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nall");
      // Its own head is part of what it counts.
      if (received >= bytes) received = Number.NEGATIVE_INFINITY;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function setUp(
  context: TestContext,
  policy: JsonObject = {},
  fields: JsonObject = {},
  appPort?: number,
) {
  const app = await RawUpstream.echo(context);
  const mirror = await RawUpstream.start(context);
  const clock = new ManualClock();
  const action = { request_mirror_policies: [{ cluster: "mirror", ...policy }] };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action)] }],
      [
        { name: "app", endpoints: [appPort ?? app.port] },
        { name: "mirror", endpoints: [mirror.port], fields },
      ],
    ),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { app, mirror, proxy, client, clock, cluster: proxy.dataPlane.clusters.get("mirror") };
}

function mirrored(proxy: ProxyFixture, result: string): number {
  return proxy.metric("tulle_mirrored_requests_total", `result="${result}"`);
}

test("a copy has the fields of the original and another authority; its answer is dropped", async (context) => {
  const { client, mirror, proxy, cluster } = await setUp(context);
  client.get("/path?q=1", ["X-Kind: original"]);
  assert.equal((await client.response()).body, "/path?q=1");
  const copy = await mirror.next();
  assert.equal(copy.target, "/path?q=1");
  assert.equal(headerOf(copy, "host"), "app-shadow");
  assert.equal(headerOf(copy, "x-kind"), "original");
  copy.reply("nobody reads this", [], "500 Oops");
  await until(() => mirrored(proxy, "answered") === 1);
  client.get("/next");
  assert.equal((await client.response()).body, "/next");
  assert.equal(cluster?.endpoints[0]?.connectionCount, 1);
  assert.equal(proxy.metric("istio_requests_total"), 2);
});

test("a body is mirrored as it is framed, trailers included", async (context) => {
  const { client, mirror } = await setUp(context, { disable_shadow_host_suffix_append: true });
  client.send("POST /1 HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhel");
  client.send("lo");
  await client.response();
  const first = await mirror.next();
  assert.equal(first.body, "hello");
  assert.equal(headerOf(first, "host"), "app");
  assert.equal(headerOf(first, "content-length"), "5");
  assert.equal(headerOf(first, "x-tulle-mirrored"), "true");
  first.reply();
  client.send("POST /2 HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Trailer: t\r\n\r\n");
  await client.response();
  const second = await mirror.next();
  assert.equal(second.body, "abcdef");
  assert.equal(headerOf(second, "transfer-encoding"), "chunked");
});

test("a body streams to the mirror while it comes, however long it is", async (context) => {
  const { client, mirror, proxy } = await setUp(context);
  client.send("POST /1 HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\n");
  await mirror.until(() => mirror.connections.length === 1);
  const part = "x".repeat(100_000);
  for (let i = 0; i < 9; i++) client.send(part);
  assert.equal(mirror.requests.length, 0);
  client.send(part);
  assert.equal((await client.response()).body, "/1");
  const copy = await mirror.next();
  assert.equal(copy.body.length, 1_000_000);
  copy.reply();
  await until(() => mirrored(proxy, "answered") === 1);
});

test("a mirror that does not read loses its copy, and nobody waits", async (context) => {
  const bytes = 32 * 1024 * 1024;
  const { client, mirror, proxy, cluster } = await setUp(
    context,
    {},
    {},
    await sink(context, bytes),
  );
  client.send(`POST /1 HTTP/1.1\r\nHost: app\r\nContent-Length: ${bytes}\r\n\r\n`);
  await mirror.until(() => mirror.connections.length === 1);
  mirror.connections[0]!.socket.pause();
  const part = "x".repeat(1024 * 1024);
  for (let sent = 0; sent < bytes; sent += part.length) client.send(part);
  assert.equal((await client.response()).body, "all");
  assert.equal(mirrored(proxy, "too_slow"), 1);
  assert.equal(cluster?.activeRequests, 0);
});

test("a request that breaks off breaks off its copy", async (context) => {
  const { client, mirror, proxy, cluster } = await setUp(context);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhel");
  await mirror.until(() => mirror.connections.length === 1);
  client.close();
  await until(() => proxy.metric("istio_requests_total", 'response_flags="DC"') === 1);
  await mirror.until(() => mirror.openCount === 0);
  assert.equal(mirror.requests.length, 0);
  assert.equal(mirrored(proxy, "failed"), 1);
  assert.equal(cluster?.activeRequests, 0);
});

test("a policy says whether the trace of a copy is sampled", async (context) => {
  const { client, mirror } = await setUp(context, { trace_sampled: true });
  const trace = `00-${"1".repeat(32)}-${"2".repeat(16)}`;
  client.get("/", [`traceparent: ${trace}-00`]);
  await client.response();
  assert.equal(headerOf(await mirror.next(), "traceparent"), `${trace}-01`);
});

test("a mirror that refuses, hangs up or does not exist fails nobody", async (context) => {
  const { client, mirror, proxy, cluster } = await setUp(context);
  client.get("/1");
  assert.equal((await client.response()).status, 200);
  (await mirror.next()).connection.socket.resetAndDestroy();
  await until(() => mirrored(proxy, "failed") === 1);
  mirror.close();
  client.get("/2");
  assert.equal((await client.response()).status, 200);
  await until(() => mirrored(proxy, "failed") === 2);
  assert.equal(cluster?.activeRequests, 0);
  assert.equal(cluster?.endpoints[0]?.activeRequests, 0);
  proxy.dataPlane.setEndpoints("mirror", []);
  client.get("/3");
  assert.equal((await client.response()).status, 200);
  proxy.dataPlane.removeCluster("mirror");
  client.get("/4");
  assert.equal((await client.response()).status, 200);
  assert.equal(mirrored(proxy, "no_endpoint"), 2);
});

test("a mirror that never answers is given up, and holds up nobody", async (context) => {
  const { client, mirror, proxy, clock, cluster } = await setUp(
    context,
    {},
    { circuit_breakers: { thresholds: [{ max_requests: 2 }] } },
  );
  for (const path of ["/1", "/2", "/3"]) {
    client.get(path);
    assert.equal((await client.response()).body, path);
  }
  await mirror.until(() => mirror.requests.length === 2);
  assert.equal(mirrored(proxy, "overflow"), 1);
  clock.advance(20_000);
  await mirror.until(() => mirror.openCount === 0);
  assert.equal(mirrored(proxy, "failed"), 2);
  assert.equal(cluster?.activeRequests, 0);
});

test("a share of the requests is mirrored when the policy says so", async (context) => {
  const { client, mirror, proxy } = await setUp(context, {
    runtime_fraction: { default_value: { numerator: 25, denominator: "HUNDRED" } },
  });
  for (let i = 0; i < 200; i++) {
    client.get("/");
    await client.response();
  }
  const attempts = mirrored(proxy, "answered") + mirror.requests.length;
  await mirror.until(() => mirror.requests.length > 25);
  assert.ok(attempts < 80, String(attempts));
});
