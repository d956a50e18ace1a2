/** `connection_keepalive` on real sockets: peers that fall silent are found out, and those that do not are left alone. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { frame } from "../support/http2-frame-recorder.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawApp } from "../support/raw-app.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  ACK,
  END_HEADERS,
  FRAME,
  RawHttp2Client,
  type ReceivedFrame,
  requestFields,
} from "../support/raw-http2-client.ts";
import { RawHttp2Peer } from "../support/raw-http2-peer.ts";

const OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/** Two ticks of the coarse wheel and a little: timers are never early and at most so late. */
const LATE_MS = 1_100;
/** ":status: 200" of HPACK's static table. */
const STATUS_200 = Buffer.of(0x88);

async function proxyTo(context: TestContext, port: number, keepalive: JsonObject) {
  const clock = new ManualClock();
  const http2 = { http2_protocol_options: { connection_keepalive: keepalive } };
  const fields = {
    typed_extension_protocol_options: {
      [OPTIONS]: { "@type": `type.googleapis.com/${OPTIONS}`, explicit_http_config: http2 },
    },
  };
  const manager = { stream_idle_timeout: "0s" };
  const action = { cluster: "app", timeout: "0s" };
  const routes = [{ match: { prefix: "/" }, route: action }];
  const bootstrap = bootstrapOf(
    [{ routes, manager }],
    [{ name: "app", endpoints: [port], fields }],
  );
  const proxy = await ProxyFixture.start(context, bootstrap, { clock });
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { proxy, clock, client };
}

const EACH_10_S = { interval: "10s", timeout: "5s", interval_jitter: { value: 0 } };

/** How many PING frames the proxy has answered: what came before them has been read. */
function acknowledged(frames: readonly ReceivedFrame[]): number {
  return frames.filter(({ type, flags }) => type === FRAME.ping && (flags & ACK) !== 0).length;
}

test("an upstream that falls silent loses its connection, and what was on it fails", async (context) => {
  const peer = await RawHttp2Peer.start(context);
  const { client, clock, proxy } = await proxyTo(context, peer.port, EACH_10_S);
  client.get("/1");
  const first = await peer.connection(0);
  clock.advance(9_900);
  assert.equal(first.pings.length, 0);
  clock.advance(100 + LATE_MS);
  await peer.until(() => first.pings.length === 1);
  clock.advance(4_900);
  assert.equal(first.isClosed, false);
  clock.advance(100 + LATE_MS);
  const answer = await client.response();
  assert.equal(answer.status, 503);
  await peer.until(() => first.isClosed);
  client.get("/2");
  const second = await peer.connection(1);
  second.send(FRAME.headers, END_HEADERS | 1, 1, STATUS_200);
  assert.equal((await client.response()).status, 200);
  assert.equal(proxy.metric("tulle_connection_faults_total"), 0);
});

test("an upstream that answers keeps its connection, asked again after each interval", async (context) => {
  const peer = await RawHttp2Peer.start(context);
  const { client, clock } = await proxyTo(context, peer.port, EACH_10_S);
  client.get("/1");
  const connection = await peer.connection(0);
  for (let count = 1; count <= 3; count++) {
    const sinceMs = clock.monotonicMs();
    while (connection.pings.length < count) {
      clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(clock.monotonicMs() - sinceMs >= 10_000);
    connection.answerPing();
    // What comes behind the answer tells that it has been read.
    connection.send(FRAME.ping, 0, 0, Buffer.alloc(8, count));
    await peer.until(() => acknowledged(connection.frames) === count);
  }
  assert.equal(connection.isClosed, false);
  connection.send(FRAME.headers, END_HEADERS | 1, 1, STATUS_200);
  assert.equal((await client.response()).status, 200);
});

test("a connection that is talked on is not asked", async (context) => {
  const peer = await RawHttp2Peer.start(context);
  const { client, clock } = await proxyTo(context, peer.port, EACH_10_S);
  client.get("/1");
  const connection = await peer.connection(0);
  for (let count = 1; count <= 6; count++) {
    clock.advance(8_000);
    connection.send(FRAME.ping, 0, 0, Buffer.alloc(8, count));
    await peer.until(() => acknowledged(connection.frames) === count);
  }
  assert.equal(connection.pings.length, 0);
});

test("a request on a silent connection brings a PING with it, and its loss shows within the timeout", async (context) => {
  const peer = await RawHttp2Peer.start(context);
  const keepalive = { timeout: "5s", connection_idle_interval: "1s" };
  const { client, clock } = await proxyTo(context, peer.port, keepalive);
  client.get("/1");
  const connection = await peer.connection(0);
  connection.send(FRAME.headers, END_HEADERS | 1, 1, STATUS_200);
  assert.equal((await client.response()).status, 200);
  client.get("/2");
  await peer.connection(0, 2);
  connection.send(FRAME.headers, END_HEADERS | 1, 3, STATUS_200);
  assert.equal((await client.response()).status, 200);
  assert.equal(connection.pings.length, 0);
  clock.advance(1_000);
  client.get("/3");
  await peer.connection(0, 3);
  await peer.until(() => connection.pings.length === 1);
  clock.advance(5_000 + LATE_MS);
  assert.equal((await client.response()).status, 503);
});

test("a client that is gone loses its connection, and the app its request", async (context) => {
  const app = await RawApp.start(context);
  const clock = new ManualClock();
  const keepalive = { interval: "10s", timeout: "5s", interval_jitter: { value: 0 } };
  const manager = {
    codec_type: "HTTP2",
    stream_idle_timeout: "0s",
    http2_protocol_options: { connection_keepalive: keepalive },
  };
  const routes = [{ match: { prefix: "/" }, route: { cluster: "app", timeout: "0s" } }];
  const bootstrap = bootstrapOf([{ routes, manager }], [{ name: "app", endpoints: [app.port] }]);
  const proxy = await ProxyFixture.start(context, bootstrap, { clock });
  const gone = await RawHttp2Client.connect(proxy.port(), { answers: false });
  const alive = await RawHttp2Client.connect(proxy.port());
  context.after(() => {
    gone.close();
    alive.close();
  });
  gone.request(1, requestFields("/gone"));
  const served = await app.next();
  await served.take(/^GET \/gone[\s\S]*\r\n\r\n/);
  alive.request(1, requestFields("/alive"));
  const other = await app.next();
  await other.take(/^GET \/alive[\s\S]*\r\n\r\n/);
  clock.advance(10_000 + LATE_MS);
  const isAsked = (client: RawHttp2Client): boolean =>
    client.received(FRAME.ping).some(({ flags }) => (flags & ACK) === 0);
  await Promise.all([gone.until(() => isAsked(gone)), alive.until(() => isAsked(alive))]);
  // Whatever comes after its acknowledgement tells that this has been read.
  alive.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8, 9)));
  await alive.until(() => acknowledged(alive.frames) === 1);
  clock.advance(5_000 + LATE_MS);
  await gone.until(() => gone.hasEnded);
  await served.ending();
  other.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  await alive.until(() => alive.isOver(1));
  assert.equal(alive.hasEnded, false);
});
