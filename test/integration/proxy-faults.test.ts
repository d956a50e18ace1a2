/** Lesson T18: whatever throws, and whatever comes, one connection ends and the proxy goes on. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import type { HttpServer } from "../../src/proxy/http-server.ts";
import { Http1ServerConnection } from "../../src/proxy/http1-server-connection.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

async function setUp(context: TestContext, clock = new ManualClock()) {
  const app = await RawUpstream.start(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", { timeout: "2s" })] }],
      [{ name: "app", endpoints: [app.port] }],
    ),
    { clock },
  );
  const server = proxy.httpServer();
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    return client;
  };
  return { app, proxy, server, clock, connect };
}

/** Makes a method throw until `mend` is called. */
function sabotage<T extends object>(target: T, method: keyof T): () => void {
  const original = target[method];
  target[method] = (() => {
    throw new Error("sabotaged");
  }) as T[keyof T];
  return () => {
    target[method] = original;
  };
}

function assertFault(proxy: ProxyFixture, where: string): void {
  assert.equal(proxy.metric("tulle_connection_faults_total"), 1);
  const [line, ...more] = proxy.log.filter(({ level }) => level === "error");
  assert.deepEqual(more, []);
  assert.equal(line?.["where"], where);
  assert.match(String(line?.["stack"]), /sabotaged\n +at /);
}

async function assertServes(app: RawUpstream, client: RawClient): Promise<void> {
  client.get("/after");
  let request = await app.next();
  while (request.target !== "/after") request = await app.next();
  request.reply("after");
  assert.equal((await client.response()).body, "after");
}

test("an exception while a request is routed ends its connection only", async (context) => {
  const { app, proxy, server, connect } = await setUp(context);
  const other = await connect();
  const mend = sabotage(server.config.arrival, "prepare");
  const victim = await connect();
  victim.get();
  assert.equal((await victim.ending()).unread, "");
  mend();
  assertFault(proxy, "downstream connection");
  await assertServes(app, other);
  assert.equal(proxy.dataPlane.clusters.get("app")?.activeRequests, 0);
});

test("an exception while an answer is passed on ends its exchange only", async (context) => {
  const { app, proxy, server, connect } = await setUp(context);
  const [victim, other] = [await connect(), await connect()];
  victim.get();
  const request = await app.next();
  const mend = sabotage(server.config, "prepareResponse");
  request.reply("never seen");
  const { unread } = await victim.ending();
  assert.doesNotMatch(unread, /never seen/);
  mend();
  assertFault(proxy, "upstream connection");
  await app.until(() => app.openCount === 0);
  await assertServes(app, other);
  assert.equal(proxy.dataPlane.clusters.get("app")?.activeRequests, 0);
});

test("an exception in a timeout ends its connection only, and other timeouts go on", async (context) => {
  const { app, proxy, server, connect, clock } = await setUp(context);
  const victim = await connect();
  victim.get("/victim");
  await app.next();
  const mend = sabotage(server, "record");
  clock.advance(2_100);
  mend();
  await victim.ending();
  assertFault(proxy, "exchange");
  const other = await connect();
  other.get("/other");
  await app.next();
  clock.advance(2_100);
  assert.equal((await other.response()).status, 504);
});

test("an exception for one who waited for a connection ends that one only", async (context) => {
  const { app, proxy, connect } = await setUp(context);
  const endpoint = proxy.dataPlane.clusters.get("app")?.endpoints[0];
  assert.ok(endpoint);
  const victim = await connect();
  const mend = sabotage(endpoint, "onRequestStart");
  victim.get();
  await app.until(() => app.connections.length === 1 && app.openCount === 0);
  mend();
  assertFault(proxy, "upstream connection");
  await assertServes(app, await connect());
});

const SEEDS = [
  "GET / HTTP/1.1\r\nHost: app\r\n\r\n",
  "GET /a/../b?x=%41 HTTP/1.1\r\nHost: app:80\r\nAccept: */*, application/json\r\nConnection: close\r\n\r\n",
  "POST /p HTTP/1.1\r\nHost: app\r\nContent-Length: 11\r\n\r\nhello world",
  "POST /c HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
  "PUT /e HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
  "GET http://app/x HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n\r\n",
] as const;

const PIECES = [
  "\r\n",
  "\r",
  "\n",
  "\0",
  " ",
  ":",
  ";",
  "%",
  "chunked",
  "-1",
  "0",
  "\x80",
  "HTTP/1.1",
];

/** A request, or several, with some of it changed. */
function mutated(prng: SeededPrng): Buffer {
  const below = (count: number): number => Math.floor(prng.next() * count);
  let text = SEEDS[below(SEEDS.length)] ?? "";
  if (below(4) === 0) text += SEEDS[below(SEEDS.length)];
  for (let changes = below(4); changes > 0; changes--) {
    const at = below(text.length);
    const end = Math.min(text.length, at + below(9));
    switch (below(4)) {
      case 0:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 1:
        text = text.slice(0, at) + PIECES[below(PIECES.length)] + text.slice(at);
        break;
      case 2:
        text = text.slice(0, end) + text.slice(at, end) + text.slice(end);
        break;
      default:
        text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
    }
  }
  return Buffer.from(text, "latin1");
}

/** Takes what is written, as a socket whose client reads everything. */
class Sink extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, callback: () => void): void {
    callback();
  }
  resetAndDestroy(): this {
    return this.destroy();
  }
}

const MUTATIONS = 100_000;

test(`${MUTATIONS} mutated requests, split anywhere, throw nothing`, async (context) => {
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [
        {
          routes: [
            {
              match: { prefix: "/p" },
              direct_response: { status: 200, body: { inline_string: "p" } },
            },
            routeTo("empty"),
          ],
          manager: { normalize_path: true, merge_slashes: true },
        },
      ],
      [{ name: "empty", endpoints: [] }],
    ),
  );
  const server = proxy.httpServer();
  const prng = new SeededPrng(18);
  for (let i = 0; i < MUTATIONS; i++) {
    feed(server, mutated(prng), prng);
    // Sockets close in turns of their own.
    if (i % 1_000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(proxy.metric("tulle_connection_faults_total"), 0);
  assert.ok(proxy.metric("istio_requests_total", 'response_code="400"') > 1_000);
  assert.ok(proxy.metric("istio_requests_total", 'response_code="503"') > 1_000);
  assert.ok(proxy.metric("istio_requests_total", 'response_code="200"') > 1_000);
  server.destroyConnections();
});

function feed(server: HttpServer, bytes: Buffer, prng: SeededPrng): void {
  const socket = new Sink({ allowHalfOpen: true });
  const connection = new Http1ServerConnection(
    socket as unknown as Socket,
    {
      scheme: "http",
      isHttp2: false,
      peerPrincipal: "",
      peerCertificate: undefined,
      hostCheck: undefined,
      serverName: "",
      remoteAddress: "127.0.0.1",
      remotePort: 1,
      localAddress: "127.0.0.1",
      localPort: 2,
    },
    server,
  );
  const cut = Math.floor(prng.next() * bytes.length);
  connection.onRead(bytes.subarray(0, cut), cut);
  connection.onRead(bytes.subarray(cut), bytes.length - cut);
  socket.destroy();
}

test("mutated requests and answers on real sockets leave a proxy that works", async (context) => {
  const prng = new SeededPrng(5);
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n",
  ];
  const app = await RawUpstream.start(context, {
    onRequest: ({ connection }) => {
      let answer = answers[Math.floor(prng.next() * answers.length)] ?? "";
      const at = Math.floor(prng.next() * answer.length);
      if (prng.next() < 0.5) {
        answer =
          answer.slice(0, at) + String.fromCharCode(prng.next() * 256) + answer.slice(at + 1);
      }
      connection.send(answer);
      // Some answers are never complete.
      connection.socket.end();
    },
  });
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [app.port] }]),
  );
  const one = async (): Promise<void> => {
    const client = await RawClient.connect(proxy.port());
    client.socket.end(mutated(prng));
    await client.ending();
    client.close();
  };
  for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 25 }, one));
  assert.equal(proxy.metric("tulle_connection_faults_total"), 0);
  assert.equal(proxy.dataPlane.clusters.get("app")?.activeRequests, 0);
  assert.equal(proxy.dataPlane.activeConnections, 0);
});
