/** Upgrade and CONNECT byte by byte: who is let through, what becomes of early bytes, and how tunnels end. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import type { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawApp } from "../support/raw-app.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { type TunnelProxyOptions, tunnelPair, tunnelProxy } from "../support/tunnel-fixture.ts";
import { until } from "../support/until.ts";

const HEAD_END = /\r\n\r\n/;
const WEBSOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const OFFER = `GET /chat HTTP/1.1\r\nHost: app\r\n${KEY}${WEBSOCKET}\r\n`;
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${WEBSOCKET}\r\n`;
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n";

interface Parts {
  readonly app: RawApp;
  readonly proxy: ProxyFixture;
  readonly client: RawClient;
}

async function connect(context: TestContext, proxy: ProxyFixture): Promise<RawClient> {
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return client;
}

async function setUp(context: TestContext, options: TunnelProxyOptions = {}): Promise<Parts> {
  const app = await RawApp.start(context);
  const proxy = await tunnelProxy(context, app.port, options);
  return { app, proxy, client: await connect(context, proxy) };
}

/** Both ends of a tunnel, as far as their heads. */
async function opened({ app, client }: Pick<Parts, "app" | "client">): Promise<RawClient> {
  client.send(OFFER);
  const far = await app.next();
  await far.take(HEAD_END);
  far.send(SWITCH);
  assert.match(await client.take(HEAD_END), /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  return far;
}

async function assertCounted(proxy: ProxyFixture, code: number, flag: string): Promise<void> {
  await until(() => proxy.metric("istio_requests_total") > 0);
  const labels = [`response_code="${code}"`, `response_flags="${flag}"`];
  assert.equal(proxy.metric("istio_requests_total", ...labels), 1);
}

/** One sidecar, and two with mutual TLS. The last proxy is the app's. */
const PATHS = {
  "one sidecar": async (context: TestContext) => {
    const { app, proxy, client } = await setUp(context);
    return { app, client, proxies: [proxy] };
  },
  "two sidecars": (context: TestContext) => overPair(context, "http1"),
  "two sidecars with HTTP/2 between them": (context: TestContext) => overPair(context, "http2"),
};

async function overPair(context: TestContext, hop: "http1" | "http2") {
  const app = await RawApp.start(context);
  const { client: near, server } = await tunnelPair(context, app.port, hop);
  return { app, client: await connect(context, near), proxies: [near, server] };
}

for (const [what, start] of Object.entries(PATHS)) {
  test(`the client ends its direction, and the app goes on, through ${what}`, async (context) => {
    const { app, client, proxies } = await start(context);
    const far = await opened({ app, client });
    client.send("last words").socket.end();
    assert.deepEqual(await far.ending(), { how: "end", unread: "last words" });
    for (const words of ["still", "here"]) {
      far.send(words);
      assert.equal(await client.take(new RegExp(words)), words);
    }
    far.send("bye").socket.end();
    assert.deepEqual(await client.ending(), { how: "end", unread: "bye" });
    for (const proxy of proxies) await assertCounted(proxy, 101, "-");
  });

  test(`the app ends its direction, and the client goes on, through ${what}`, async (context) => {
    const { app, client, proxies } = await start(context);
    const far = await opened({ app, client });
    far.send("enough").socket.end();
    assert.deepEqual(await client.ending(), { how: "end", unread: "enough" });
    for (const words of ["but", "listen"]) {
      client.send(words);
      assert.equal(await far.take(new RegExp(words)), words);
    }
    client.send("bye").socket.end();
    assert.deepEqual(await far.ending(), { how: "end", unread: "bye" });
    for (const proxy of proxies) await assertCounted(proxy, 101, "-");
  });

  test(`a client that is gone is no orderly end for the app behind ${what}`, async (context) => {
    const { app, client, proxies } = await start(context);
    const far = await opened({ app, client });
    client.socket.resetAndDestroy();
    assert.equal((await far.ending()).how, "reset");
    await assertCounted(proxies[0]!, 101, "DC");
  });

  test(`an app that is gone is no orderly end for the client of ${what}`, async (context) => {
    const { app, client, proxies } = await start(context);
    const far = await opened({ app, client });
    far.socket.resetAndDestroy();
    assert.equal((await client.ending()).how, "reset");
    await assertCounted(proxies.at(-1)!, 101, "UC");
  });

  test(`bytes before the answer wait for it, and follow it, through ${what}`, async (context) => {
    const { app, client } = await start(context);
    client.send(`${OFFER}early`);
    const far = await app.next();
    const head = await far.take(HEAD_END);
    assert.match(head, /^GET \/chat HTTP\/1\.1\r\nHost: app\r\n/);
    assert.equal(head.match(/^connection: upgrade\r$/gim)?.length, 1);
    assert.equal(head.match(/^upgrade: websocket\r$/gim)?.length, 1);
    client.send(" and later").socket.end();
    // Whatever was on its way has arrived with a whole exchange on another connection.
    const other = await RawClient.connect(client.socket.remotePort!);
    const far2 = await opened({ app, client: other });
    far2.send("x");
    await other.take(/x/);
    other.close();
    far.send(`${SWITCH}hello`);
    assert.equal((await far.ending()).unread, "early and later");
    await client.take(HEAD_END);
    assert.equal(await client.take(/hello/), "hello");
    far.socket.end();
    assert.equal((await client.ending()).how, "end");
  });
}

for (const [answer, status] of [
  ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 200],
  ["HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", 426],
  ["HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", 502],
  ["HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", 502],
] as const) {
  test(`behind ${JSON.stringify(answer.slice(0, 40))} no early byte becomes a request (T9)`, async (context) => {
    const { app, client } = await setUp(context);
    client.send(OFFER + SMUGGLED);
    const far = await app.next();
    await far.take(HEAD_END);
    far.send(answer);
    const response = await client.response();
    assert.equal(response.status, status);
    assert.ok(RawClient.closes(response));
    assert.deepEqual(await client.ending(), { how: "end", unread: "" });
    // Nor is the connection to the app used again, which might have switched after all.
    assert.equal((await far.ending()).unread, "");
    assert.equal(app.connectionCount, 1);
  });
}

test("an answer of 101 that nobody asked for is no answer (RFC 9110 section 15.2.2)", async (context) => {
  const { app, client } = await setUp(context);
  client.get("/plain");
  const far = await app.next();
  await far.take(HEAD_END);
  far.send(`${SWITCH}GET /`);
  assert.equal((await client.response()).status, 502);
});

test("an Upgrade with content is passed over: the request goes on without", async (context) => {
  const { app, client } = await setUp(context);
  client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n${WEBSOCKET}\r\nab${SMUGGLED}`);
  const far = await app.next();
  assert.doesNotMatch(await far.take(HEAD_END), /upgrade/i);
  assert.equal(await far.take(/ab/), "ab");
  far.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const response = await client.response();
  assert.equal(response.status, 200);
  assert.ok(RawClient.closes(response));
  assert.equal((await client.ending()).how, "end");
});

const TYPES = { websocket: { upgrade_type: "websocket" }, connect: { upgrade_type: "CONNECT" } };
const OFF = { enabled: false };

for (const { what, manager, action, isAllowed } of [
  { what: "the listener", manager: [TYPES.websocket], action: [], isAllowed: true },
  { what: "the route alone", manager: [], action: [TYPES.websocket], isAllowed: true },
  { what: "nobody", manager: [], action: [], isAllowed: false },
  { what: "another type", manager: [TYPES.connect], action: [], isAllowed: false },
  {
    what: "the listener, but not the route",
    manager: [TYPES.websocket],
    action: [{ ...TYPES.websocket, ...OFF }],
    isAllowed: false,
  },
]) {
  test(`allowed by ${what}: ${isAllowed}`, async (context) => {
    const { app, client, proxy } = await setUp(context, {
      manager: { upgrade_configs: manager },
      action: { upgrade_configs: action },
    });
    if (isAllowed) {
      await opened({ app, client });
      return;
    }
    client.send(OFFER + SMUGGLED);
    const response = await client.response();
    assert.equal(response.status, 403);
    assert.match(response.body, /see upgrade_configs: websocket/);
    assert.deepEqual(await client.ending(), { how: "end", unread: "" });
    assert.equal(app.connectionCount, 0);
    await assertCounted(proxy, 403, "-");
  });
}

const CONNECT: JsonObject = { connect_matcher: {} };
const CONNECT_ALLOWED: JsonObject = { upgrade_configs: [TYPES.connect] };

test("CONNECT goes to another proxy and becomes a tunnel with its answer", async (context) => {
  const { app, client, proxy } = await setUp(context, { match: CONNECT, manager: CONNECT_ALLOWED });
  client.send("CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\nhello");
  const far = await app.next();
  assert.match(
    await far.take(HEAD_END),
    /^CONNECT shop\.example:443 HTTP\/1\.1\r\nHost: shop\.example:443\r\n/,
  );
  far.send("HTTP/1.1 200 Connection established\r\nContent-Length: 9\r\n\r\nwelcome");
  const head = await client.take(HEAD_END);
  assert.match(head, /^HTTP\/1\.1 200 /);
  assert.doesNotMatch(head, /content-length|transfer-encoding|upgrade/i);
  assert.equal(await client.take(/welcome/), "welcome");
  assert.equal(await far.take(/hello/), "hello");
  client.socket.end();
  assert.equal((await far.ending()).how, "end");
  far.socket.end();
  assert.equal((await client.ending()).how, "end");
  await assertCounted(proxy, 200, "-");
});

test("CONNECT is refused where its route does not allow it, and where there is none", async (context) => {
  const connect = "CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n";
  for (const [options, status] of [
    [{ match: CONNECT }, 403],
    [{ manager: CONNECT_ALLOWED }, 404],
  ] as const) {
    const { app, client } = await setUp(context, options);
    client.send(connect + SMUGGLED);
    assert.equal((await client.response()).status, status);
    assert.deepEqual(await client.ending(), { how: "end", unread: "" });
    assert.equal(app.connectionCount, 0);
  }
});

test("what another proxy answers to CONNECT instead is passed on", async (context) => {
  const { app, client } = await setUp(context, { match: CONNECT, manager: CONNECT_ALLOWED });
  client.send(`CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n${SMUGGLED}`);
  const far = await app.next();
  await far.take(HEAD_END);
  far.send("HTTP/1.1 407 P\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n");
  const response = await client.response();
  assert.equal(response.status, 407);
  assert.equal(headerOf(response, "proxy-authenticate"), "Basic");
  assert.equal((await far.ending()).unread, "");
});

const HOUR_MS = 3_600_000;

test("a silent tunnel lives on, past the route's timeout and the stream idle timeout", async (context) => {
  const clock = new ManualClock();
  const { app, client } = await setUp(context, { clock, action: { timeout: "2s" } });
  const far = await opened({ app, client });
  clock.advance(10 * HOUR_MS);
  client.send("still there?");
  await far.take(/\?/);
  clock.advance(10 * HOUR_MS);
  far.send("yes");
  await client.take(/yes/);
});

test("an answer that does not come is given up at the route's timeout", async (context) => {
  const clock = new ManualClock();
  const { app, client, proxy } = await setUp(context, { clock, action: { timeout: "2s" } });
  client.send(OFFER);
  const far = await app.next();
  await far.take(HEAD_END);
  clock.advance(2_100);
  assert.equal((await client.response()).status, 504);
  await far.ending();
  await assertCounted(proxy, 504, "UT");
});

test("a route's own idle timeout ends a silent tunnel", async (context) => {
  const clock = new ManualClock();
  const { app, client, proxy } = await setUp(context, { clock, action: { idle_timeout: "60s" } });
  const far = await opened({ app, client });
  clock.advance(50_000);
  far.send("x");
  await client.take(/x/);
  clock.advance(50_000);
  client.send("y");
  await far.take(/y/);
  // The limit is looked up when it is due: by then there must have been none for a whole one.
  clock.advance(130_000);
  assert.equal((await client.ending()).how, "reset");
  assert.equal((await far.ending()).how, "reset");
  await assertCounted(proxy, 101, "SI");
});

test("a tunnel that has ended on one side only is not kept for ever", async (context) => {
  const clock = new ManualClock();
  const { app, client, proxy } = await setUp(context, { clock });
  const far = await opened({ app, client });
  client.socket.end();
  await far.ending();
  // Minute by minute: what was counted is given up when it is idle for long.
  for (let minute = 0; minute < 60 && proxy.metric("istio_requests_total") === 0; minute++) {
    clock.advance(HOUR_MS / 60);
  }
  await assertCounted(proxy, 101, "SI");
});

test("a peer that does not read pauses the other, and nothing is lost (bounded memory)", async (context) => {
  const { app, client } = await setUp(context);
  const far = await opened({ app, client });
  far.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  const chunk = Buffer.alloc(256 * 1024);
  const total = 256 * chunk.length;
  const sent = createHash("sha256");
  let given = 0;
  let stalledTurns = 0;
  // Once the kernel's buffers and the proxy's bounds are full, nothing moves any more.
  while (given < total && stalledTurns < 200) {
    if (client.socket.writableNeedDrain) {
      stalledTurns += 1;
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    stalledTurns = 0;
    chunk.fill(given / chunk.length);
    sent.update(chunk);
    client.socket.write(Buffer.from(chunk));
    given += chunk.length;
  }
  assert.ok(given < total, "64 MB were taken for an app that reads nothing");
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  const got = createHash("sha256");
  far.socket.removeAllListeners("data");
  far.socket.on("data", (bytes: Buffer) => got.update(bytes));
  far.socket.resume();
  client.socket.end();
  await once(far.socket, "end");
  assert.equal(got.digest("hex"), sent.digest("hex"));
});
