/** Faults on purpose, and what becomes of a request that a filter lets wait: on a clock that only the test moves. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { frame } from "../support/http2-frame-recorder.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  literalBlock,
  RawHttp2Client,
  requestFields,
} from "../support/raw-http2-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.http";
const ALL = { numerator: 100 };
const DELAY = { delay: { fixed_delay: "5s", percentage: ALL } };

function faultFilter(fault: JsonObject, name = "envoy.filters.http.fault"): JsonObject {
  return { name, typed_config: { "@type": `${TYPES}.fault.v3.HTTPFault`, ...fault } };
}

const RESET: JsonObject = {
  name: "tulle.filters.http.fault_reset",
  is_optional: true,
  typed_config: {
    "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
    type_url: "type.googleapis.com/tulle.filters.http.fault_reset.v1.Reset",
    value: { percentage: ALL, headers: [{ name: "x-reset", present_match: true }] },
  },
};
const ROUTER = { name: "router", typed_config: { "@type": `${TYPES}.router.v3.Router` } };

async function setUp(
  context: TestContext,
  filters: readonly JsonObject[],
  action: JsonObject = {},
  routes = [routeTo("app", action)],
) {
  const clock = new ManualClock();
  const upstream = await RawUpstream.start(context);
  const manager = { codec_type: "AUTO", http_filters: [...filters, ROUTER] };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes, manager }], [{ name: "app", endpoints: [upstream.port] }]),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { clock, upstream, proxy, client };
}

/** Ten milliseconds a turn. What does not come about fails the test by its time limit. */
async function whileTicking(clock: ManualClock, isOver: () => boolean): Promise<void> {
  for (let i = 0; i < 100_000 && !isOver(); i++) {
    clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(isOver());
}

const active = (proxy: ProxyFixture): number => proxy.metric("tulle_faults_active");
const injected = (proxy: ProxyFixture, type: string): number =>
  proxy.metric("tulle_faults_injected_total", `type="${type}"`);

test("a delayed request goes on when its time is over, and says DI", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(DELAY)]);
  client.get();
  await until(() => active(proxy) === 1);
  clock.advance(4_900);
  assert.equal(upstream.requests.length, 0);
  clock.advance(200);
  (await upstream.next()).reply("late");
  assert.equal((await client.response()).body, "late");
  assert.equal(active(proxy), 0);
  assert.equal(injected(proxy, "delay"), 1);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DI"'), 1);
});

test("a body that comes while its request waits goes along, its end too", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(DELAY)]);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await until(() => active(proxy) === 1);
  client.send("2\r\nde\r\n0\r\nx-last: 1\r\n\r\n");
  await until(() => proxy.httpServer().connections.size === 1);
  clock.advance(5_100);
  const request = await upstream.next();
  assert.equal(request.body, "abcde");
  assert.deepEqual(request.trailers, ["x-last: 1"]);
  request.reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("a body beyond what may wait is held back, and arrives whole", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(DELAY)]);
  const body = "x".repeat(2_000_000);
  client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await until(() => active(proxy) === 1);
  clock.advance(5_100);
  const request = await upstream.next();
  assert.equal(request.body.length, body.length);
  request.reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("a client that leaves ends the wait", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(DELAY)]);
  client.get();
  await until(() => active(proxy) === 1);
  client.socket.resetAndDestroy();
  await until(() => active(proxy) === 0);
  clock.advance(10_000);
  assert.equal(upstream.requests.length, 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DC"'), 1);
});

test("a drain lets a request that waits finish, and ends its connection", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(DELAY)]);
  client.get();
  await until(() => active(proxy) === 1);
  proxy.dataPlane.announceDrain("all");
  const drained = proxy.dataPlane.drain("all", 60_000);
  clock.advance(5_100);
  (await upstream.next()).reply("late");
  const response = await client.response();
  assert.equal(response.body, "late");
  assert.equal(headerOf(response, "connection"), "close");
  client.socket.end();
  await drained;
});

test("HTTP/2: bodies wait too, and a stream that is reset ends its wait alone", async (context) => {
  const { clock, upstream, proxy } = await setUp(context, [faultFilter(DELAY)]);
  const client = await RawHttp2Client.connect(proxy.port());
  context.after(() => client.close());
  const post = [[":method", "POST"], ...requestFields("/").slice(1)] as const;
  client.request(1, post, true).request(3, requestFields("/left"));
  client.send(frame(FRAME.data, 0, 1, Buffer.from("abc")));
  await until(() => active(proxy) === 2);
  client.send(frame(FRAME.rstStream, 0, 3, Buffer.of(0, 0, 0, 8)));
  client.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, literalBlock([["x-last", "1"]])));
  await until(() => active(proxy) === 1);
  // A request on the same connection, so that what came before it has been read.
  client.request(5, requestFields("/third"));
  await until(() => active(proxy) === 2);
  clock.advance(5_100);
  const requests = [await upstream.next(), await upstream.next()];
  const posted = requests.find(({ method }) => method === "POST");
  assert.equal(posted?.body, "abc");
  assert.deepEqual(posted?.trailers, ["x-last: 1"]);
  for (const request of requests) request.reply("fine");
  await client.until(() => client.isOver(1) && client.isOver(5));
  assert.equal(client.bodyOf(1), "fine");
  assert.equal(upstream.requests.length, 2);
});

test("an abort answers with its status, behind a delay when there is one", async (context) => {
  const abort = { abort: { http_status: 418, percentage: ALL } };
  const { clock, proxy, client } = await setUp(context, [faultFilter({ ...DELAY, ...abort })]);
  client.get("/", ["Accept: application/json"]);
  await until(() => active(proxy) === 1);
  clock.advance(5_100);
  const response = await client.response();
  assert.equal(response.status, 418);
  assert.equal(JSON.parse(response.body).details, "fault_filter_abort");
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="FI"'), 1);
  assert.equal(injected(proxy, "abort"), 1);
});

test("clients of gRPC get the status of gRPC", async (context) => {
  const abort = { abort: { grpc_status: 14, percentage: ALL } };
  const { client } = await setUp(context, [faultFilter(abort)]);
  client.send(
    "POST /a.B/C HTTP/1.1\r\nHost: app\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
  );
  const response = await client.response();
  assert.equal(response.status, 200);
  assert.equal(headerOf(response, "grpc-status"), "14");
});

test("a route's fault holds instead of the listener's, and disabled means none", async (context) => {
  const ofRoute = (config: JsonObject): JsonObject => ({
    typed_per_filter_config: { "envoy.filters.http.fault": config },
  });
  const routes = [
    {
      ...routeTo("app", {}, { prefix: "/off" }),
      ...ofRoute({
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        disabled: true,
      }),
    },
    {
      ...routeTo("app", {}, { prefix: "/gone" }),
      ...ofRoute({
        "@type": `${TYPES}.fault.v3.HTTPFault`,
        abort: { http_status: 410, percentage: ALL },
      }),
    },
    routeTo("app"),
  ];
  const filter = faultFilter({ abort: { http_status: 503, percentage: ALL } });
  const { upstream, client } = await setUp(context, [filter], {}, routes);
  client.get("/gone");
  assert.equal((await client.response()).status, 410);
  client.get("/");
  assert.equal((await client.response()).status, 503);
  client.get("/off");
  (await upstream.next()).reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("as many faults as allowed are active, and the others pass", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [
    faultFilter({ ...DELAY, max_active_faults: 1 }),
  ]);
  const other = await RawClient.connect(proxy.port());
  context.after(() => other.close());
  client.get("/waits");
  await until(() => active(proxy) === 1);
  other.get("/passes");
  (await upstream.next()).reply("at once");
  assert.equal((await other.response()).body, "at once");
  assert.equal(proxy.metric("tulle_faults_overflow_total"), 1);
  clock.advance(5_100);
  (await upstream.next()).reply("late");
  assert.equal((await client.response()).body, "late");
});

test("a reset cuts an HTTP/1.1 connection and an HTTP/2 stream", async (context) => {
  const { proxy, client, upstream } = await setUp(context, [RESET]);
  client.get("/", ["x-reset: 1"]);
  assert.equal((await client.ending()).unread, "");
  const http2 = await RawHttp2Client.connect(proxy.port());
  context.after(() => http2.close());
  http2.request(1, requestFields("/", ["x-reset", "1"])).request(3, requestFields("/"));
  await http2.until(() => http2.isOver(1));
  assert.equal(http2.received(FRAME.rstStream).length, 1);
  (await upstream.next()).reply("fine");
  await http2.until(() => http2.isOver(3));
  assert.equal(http2.bodyOf(3), "fine");
  assert.equal(injected(proxy, "reset"), 2);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="FI"'), 2);
});

const SLOW = {
  response_rate_limit: { fixed_limit: { limit_kbps: 1 }, percentage: ALL },
};

test("an answer leaves at its rate, and its trailers behind it", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(SLOW)]);
  client.get();
  const { connection } = await upstream.next();
  const body = "x".repeat(0x400);
  connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  connection.send(`400\r\n${body}\r\n0\r\nx-last: 1\r\n\r\n`);
  const isPooled = () =>
    (proxy.dataPlane.clusters.get("app")?.endpoints[0]?.activeRequests ?? 1) === 0;
  await until(isPooled);
  const startMs = clock.monotonicMs();
  let answer: Awaited<ReturnType<RawClient["response"]>> | undefined;
  void client.response().then((response) => {
    answer = response;
  });
  await whileTicking(clock, () => answer !== undefined);
  assert.ok(answer);
  assert.equal(answer.body, body);
  assert.deepEqual(answer.trailers, ["x-last: 1"]);
  assert.ok(clock.monotonicMs() - startMs >= 900, `took ${clock.monotonicMs() - startMs} ms`);
  assert.equal(active(proxy), 0);
  assert.equal(injected(proxy, "response_rate_limit"), 1);
});

test("a client that leaves while its answer is held ends it", async (context) => {
  const { clock, upstream, proxy, client } = await setUp(context, [faultFilter(SLOW)]);
  client.get();
  (await upstream.next()).reply("x".repeat(10_000));
  await client.text(/200 OK/);
  client.socket.resetAndDestroy();
  await until(() => active(proxy) === 0);
  clock.advance(60_000);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DC"'), 1);
});

test("a slow answer holds its upstream back, in bounded memory", async (context) => {
  const limit = { fixed_limit: { limit_kbps: 4096 }, percentage: ALL };
  const { clock, upstream, proxy, client } = await setUp(context, [
    faultFilter({ response_rate_limit: limit }),
  ]);
  client.get();
  const { connection } = await upstream.next();
  const body = "x".repeat(8_000_000);
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await client.text(/200 OK/);
  assert.ok(connection.socket.writableLength > 0, "the upstream waits");
  let received = 0;
  client.socket.removeAllListeners("data").on("data", (bytes: Buffer) => {
    received += bytes.length;
  });
  await whileTicking(clock, () => active(proxy) === 0);
  await until(() => received > 7_500_000);
});

test("a fault for one cluster spares the others", async (context) => {
  const filter = faultFilter({
    abort: { http_status: 503, percentage: ALL },
    upstream_cluster: "app",
  });
  const split = {
    weighted_clusters: {
      clusters: [
        { name: "app", weight: 1 },
        { name: "none", weight: 1 },
      ],
      header_name: "x-random",
    },
    cluster: undefined,
  };
  const routes = [{ match: { prefix: "/" }, route: JSON.parse(JSON.stringify(split)) }];
  const { client } = await setUp(context, [filter], {}, routes);
  client.get("/", ["x-random: 0", "Accept: application/json"]);
  assert.equal(JSON.parse((await client.response()).body).flag, "FI");
  client.get("/", ["x-random: 1", "Accept: application/json"]);
  assert.equal(JSON.parse((await client.response()).body).flag, "NC");
});
