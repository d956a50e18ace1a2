/** The response cache of a listener, on a clock that only the test moves. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, listenerJson, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { RawHttp2Client, requestFields } from "../support/raw-http2-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type UpstreamRequest } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

function managerOf(settings: JsonObject): JsonObject {
  return {
    codec_type: "AUTO",
    http_filters: [
      {
        name: "tulle.filters.http.cache",
        is_optional: true,
        typed_config: {
          "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
          type_url: "type.googleapis.com/tulle.filters.http.cache.v1.Cache",
          value: settings,
        },
      },
      { name: "router", typed_config: { "@type": ROUTER } },
    ],
  };
}

async function setUp(context: TestContext, settings: JsonObject = {}) {
  const clock = new ManualClock();
  const upstream = await RawUpstream.start(context);
  const listener = { routes: [routeTo("app")], manager: managerOf(settings) };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([listener], [{ name: "app", endpoints: [upstream.port] }]),
    { clock },
  );
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    return client;
  };
  return { clock, upstream, proxy, connect, client: await connect() };
}

const KEPT = ["cache-control: max-age=60", 'etag: "1"'];

/** One request that the upstream answers. */
async function fetched(
  { client, upstream }: { readonly client: RawClient; readonly upstream: RawUpstream },
  path: string,
  answer: (request: UpstreamRequest) => void,
  lines: readonly string[] = [],
): Promise<RawResponse> {
  client.get(path, lines);
  answer(await upstream.next());
  return client.response();
}

const status = (response: RawResponse): string | undefined => headerOf(response, "cache-status");
const result = (proxy: ProxyFixture, name: string): number =>
  proxy.metric("tulle_cache_requests_total", `result="${name}"`);

test("what may be kept answers the next request, with its age", async (context) => {
  const setup = await setUp(context);
  const { clock, client, upstream, proxy } = setup;
  const first = await fetched(setup, "/a?b=1", (request) => request.reply("hello", KEPT));
  assert.equal(status(first), "tulle; fwd=uri-miss; stored");
  clock.advance(10_000);
  client.get("/a?b=1");
  const second = await client.response();
  assert.equal(second.body, "hello");
  assert.equal(status(second), "tulle; hit; ttl=50");
  assert.equal(headerOf(second, "age"), "10");
  assert.equal(headerOf(second, "content-length"), "5");
  assert.equal(upstream.requests.length, 1);
  assert.equal(result(proxy, "hit"), 1);
  assert.equal(proxy.metric("tulle_cache_entries"), 1);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="RFCF"'), 1);
});

test("HEAD, ranges and conditions are answered from it", async (context) => {
  const setup = await setUp(context);
  const { client } = setup;
  await fetched(setup, "/", (request) => request.reply("0123456789", KEPT));
  client.send("HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
  assert.equal(headerOf(await client.response("HEAD"), "content-length"), "10");
  client.get("/", ["range: bytes=2-4"]);
  const part = await client.response();
  assert.deepEqual([part.status, part.body], [206, "234"]);
  assert.equal(headerOf(part, "content-range"), "bytes 2-4/10");
  client.get("/", ['if-none-match: "1"']);
  assert.equal((await client.response()).status, 304);
  client.get("/", ["range: bytes=20-"]);
  assert.equal((await client.response()).status, 416);
});

test("a chunked answer is kept as one piece; trailers are passed on and not kept", async (context) => {
  const setup = await setUp(context);
  const first = await fetched(setup, "/", ({ connection }) => {
    connection.send(`HTTP/1.1 200 OK\r\n${KEPT[0]}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    connection.send("3\r\nabc\r\n2\r\nde\r\n0\r\nx-last: 1\r\n\r\n");
  });
  assert.deepEqual(first.trailers, ["x-last: 1"]);
  setup.client.get("/");
  const second = await setup.client.response();
  assert.equal(second.body, "abcde");
  assert.equal(headerOf(second, "content-length"), "5");
});

test("an answer that breaks off is not kept", async (context) => {
  const setup = await setUp(context);
  setup.client.get("/");
  const { connection } = await setup.upstream.next();
  connection.send(`HTTP/1.1 200 OK\r\n${KEPT[0]}\r\nContent-Length: 10\r\n\r\nabc`);
  await setup.client.text(/abc/);
  connection.socket.destroy();
  await setup.client.ending();
  assert.equal(setup.proxy.metric("tulle_cache_entries"), 0);
});

test("what is stale is validated, and a 304 makes it fresh", async (context) => {
  const setup = await setUp(context);
  const { clock, proxy } = setup;
  await fetched(setup, "/", (request) => request.reply("hello", [...KEPT, "x-a: 1"]));
  clock.advance(61_000);
  const second = await fetched(setup, "/", (request) => {
    assert.equal(headerOf(request, "if-none-match"), '"1"');
    request.connection.send(
      'HTTP/1.1 304 Not Modified\r\netag: "1"\r\ncache-control: max-age=60\r\nx-a: 2\r\n\r\n',
    );
  });
  assert.deepEqual([second.status, second.body], [200, "hello"]);
  assert.equal(headerOf(second, "x-a"), "2");
  assert.equal(status(second), "tulle; fwd=stale; fwd-status=304");
  setup.client.get("/");
  assert.equal(status(await setup.client.response()), "tulle; hit; ttl=60");
  assert.equal(result(proxy, "revalidated"), 1);
});

test("a validation that brings another response replaces it", async (context) => {
  const setup = await setUp(context);
  await fetched(setup, "/", (request) => request.reply("old", KEPT));
  setup.clock.advance(61_000);
  const second = await fetched(setup, "/", (request) =>
    request.reply("new", ["cache-control: max-age=60"]),
  );
  assert.equal(second.body, "new");
  setup.client.get("/");
  assert.equal((await setup.client.response()).body, "new");
  assert.equal(setup.proxy.metric("tulle_cache_entries"), 1);
});

test("a client's own condition is held against what was validated", async (context) => {
  const setup = await setUp(context);
  await fetched(setup, "/", (request) => request.reply("hello", KEPT));
  setup.clock.advance(61_000);
  const second = await fetched(
    setup,
    "/",
    ({ connection }) => connection.send('HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n'),
    ['if-none-match: "1"'],
  );
  assert.equal(second.status, 304);
});

test("stale while revalidating: the old answer at once, the new one for the next", async (context) => {
  const setup = await setUp(context, { stale_while_revalidate_ms: 30_000 });
  const { client, clock, upstream } = setup;
  await fetched(setup, "/", (request) => request.reply("old", KEPT));
  clock.advance(70_000);
  client.get("/");
  const second = await client.response();
  assert.equal(second.body, "old");
  assert.equal(status(second), "tulle; hit; ttl=-10");
  const refresh = await upstream.next();
  assert.equal(headerOf(refresh, "if-none-match"), '"1"');
  client.get("/");
  assert.equal((await client.response()).body, "old");
  refresh.reply("new", KEPT);
  await until(() => setup.proxy.metric("tulle_cache_responses_total", 'event="stored"') === 2);
  client.get("/");
  assert.equal((await client.response()).body, "new");
  assert.equal(upstream.requests.length, 2);
});

test("stale if there is an error: an upstream's, or none at all", async (context) => {
  const setup = await setUp(context, { stale_if_error_ms: 600_000 });
  const { client, clock, upstream, proxy } = setup;
  await fetched(setup, "/", (request) => request.reply("old", KEPT));
  clock.advance(70_000);
  const second = await fetched(setup, "/", (request) => request.reply("no", [], "503 Busy"));
  assert.deepEqual([second.status, second.body], [200, "old"]);
  assert.equal(status(second), "tulle; fwd=stale; fwd-status=503");
  upstream.close();
  client.get("/");
  const third = await client.response();
  assert.deepEqual([third.status, third.body], [200, "old"]);
  assert.equal(headerOf(third, "date")?.split(",").length, 2);
  assert.equal(result(proxy, "stale_on_error"), 2);
});

test("one request asks, the others wait for its answer", async (context) => {
  const setup = await setUp(context);
  const { client, connect, upstream, proxy } = setup;
  client.get("/");
  const leader = await upstream.next();
  const others = await Promise.all(Array.from({ length: 20 }, connect));
  for (const other of others) other.get("/");
  await until(() => proxy.metric("tulle_cache_waiting") === 20);
  leader.reply("once", KEPT);
  for (const other of others) {
    const response = await other.response();
    assert.equal(response.body, "once");
    assert.match(status(response) ?? "", /^tulle; hit; ttl=60/);
  }
  assert.equal(upstream.requests.length, 1);
});

test("an answer that is not kept lets those who waited ask, and nobody waits again", async (context) => {
  const setup = await setUp(context);
  const { client, connect, upstream } = setup;
  client.get("/");
  const leader = await upstream.next();
  const other = await connect();
  other.get("/");
  await until(() => setup.proxy.metric("tulle_cache_waiting") === 1);
  leader.reply("mine", ["cache-control: private"]);
  (await upstream.next()).reply("yours", ["cache-control: private"]);
  assert.equal((await client.response()).body, "mine");
  assert.equal((await other.response()).body, "yours");
  client.get("/");
  const third = await upstream.next();
  other.get("/");
  (await upstream.next()).reply("fourth");
  assert.equal((await other.response()).body, "fourth");
  third.reply("third");
  assert.equal((await client.response()).body, "third");
});

test("when the one that asks leaves, the next one asks", async (context) => {
  const setup = await setUp(context);
  const { client, connect, upstream, proxy } = setup;
  client.get("/");
  await upstream.next();
  const other = await connect();
  other.get("/");
  await until(() => proxy.metric("tulle_cache_waiting") === 1);
  client.socket.resetAndDestroy();
  (await upstream.next()).reply("hello", KEPT);
  assert.equal((await other.response()).body, "hello");
});

test("nobody waits longer than the policy says", async (context) => {
  const setup = await setUp(context, { wait_ms: 1000 });
  const { client, clock, connect, upstream, proxy } = setup;
  client.get("/");
  const leader = await upstream.next();
  const other = await connect();
  other.get("/");
  await until(() => proxy.metric("tulle_cache_waiting") === 1);
  clock.advance(1_100);
  (await upstream.next()).reply("own", KEPT);
  assert.equal((await other.response()).body, "own");
  leader.reply("late", KEPT);
  assert.equal((await client.response()).body, "late");
});

test("identities do not get each other's responses, unless they share", async (context) => {
  const own = await setUp(context);
  const cookie = (name: string): readonly string[] => [`cookie: user=${name}`];
  await fetched(own, "/", (request) => request.reply("ann's", KEPT), cookie("ann"));
  const second = await fetched(own, "/", (request) => request.reply("bob's", KEPT), cookie("bob"));
  assert.equal(second.body, "bob's");
  own.client.get("/", cookie("ann"));
  assert.equal((await own.client.response()).body, "ann's");
  const shared = await setUp(context, { shared: true });
  await fetched(shared, "/", (request) => request.reply("all's", KEPT), cookie("ann"));
  shared.client.get("/", cookie("bob"));
  assert.equal((await shared.client.response()).body, "all's");
});

test("Vary tells responses apart, also where the route changes the field", async (context) => {
  const setup = await setUp(context);
  const vary = [...KEPT, "vary: accept-language"];
  const language = (name: string): readonly string[] => [`accept-language: ${name}`];
  await fetched(setup, "/", (request) => request.reply("hallo", vary), language("de"));
  const other = await fetched(
    setup,
    "/",
    (request) => request.reply("hello", vary),
    language("en"),
  );
  assert.equal(status(other), "tulle; fwd=vary-miss; stored");
  setup.client.get("/", language("de"));
  assert.equal((await setup.client.response()).body, "hallo");
  setup.client.get("/", language("en"));
  assert.equal((await setup.client.response()).body, "hello");
});

test("an unsafe request that succeeds makes what it changed forgotten", async (context) => {
  const setup = await setUp(context);
  const { client, upstream } = setup;
  const post = async (answer: string): Promise<void> => {
    client.send("POST /a HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n");
    (await upstream.next()).reply("", ["location: /b"], answer);
    await client.response();
  };
  await fetched(setup, "/a", (request) => request.reply("a", KEPT));
  await fetched(setup, "/b", (request) => request.reply("b", KEPT));
  await fetched(setup, "/c", (request) => request.reply("c", KEPT));
  await post("500 Failed");
  client.get("/a");
  assert.equal((await client.response()).body, "a");
  await post("201 Created");
  assert.equal(setup.proxy.metric("tulle_cache_entries"), 1);
  assert.equal(setup.proxy.metric("tulle_cache_responses_total", 'event="invalidated"'), 2);
});

test("only-if-cached is answered with 504 where there is nothing", async (context) => {
  const setup = await setUp(context);
  setup.client.get("/", ["cache-control: only-if-cached"]);
  assert.equal((await setup.client.response()).status, 504);
  assert.equal(setup.upstream.requests.length, 0);
});

test("memory is bounded, and what was used longest ago goes", async (context) => {
  const setup = await setUp(context, { bytes_max: 64 * 1024, object_bytes_max: 20_000 });
  const { client, proxy } = setup;
  for (let i = 0; i < 20; i++) {
    await fetched(setup, `/${i}`, (request) => request.reply("x".repeat(2000), KEPT));
    client.get("/0");
    assert.equal((await client.response()).body.length, 2000);
  }
  assert.ok(proxy.metric("tulle_cache_bytes") <= 64 * 1024);
  assert.ok(proxy.metric("tulle_cache_responses_total", 'event="evicted"') > 10);
  const large = await fetched(setup, "/large", (request) =>
    request.reply("x".repeat(30_000), KEPT),
  );
  assert.equal(large.body.length, 30_000);
  await fetched(setup, "/large", (request) => request.reply("again", KEPT));
});

test("purges by path and tag are carried out once, when they come", async (context) => {
  const setup = await setUp(context, { tag_header: "Cache-Tag" });
  const { client, proxy } = setup;
  const tagged = (tag: string): readonly string[] => [...KEPT, `Cache-Tag: ${tag}`];
  const fill = async (): Promise<void> => {
    await fetched(setup, "/items/1", (request) => request.reply("1", tagged("red, blue")));
    await fetched(setup, "/items/2?x", (request) => request.reply("2", tagged("red")));
    await fetched(setup, "/about", (request) => request.reply("3", tagged("green")));
  };
  const reconfigure = async (purges: JsonObject[]): Promise<void> => {
    const ofHost = managerOf({ tag_header: "Cache-Tag" });
    const routes = [
      {
        ...routeTo("app"),
        typed_per_filter_config: {
          "tulle.filters.http.cache": {
            "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
            type_url: "type.googleapis.com/tulle.filters.http.cache.v1.Cache",
            value: { tag_header: "Cache-Tag", purges },
          },
        },
      },
    ];
    await proxy.dataPlane.setListener(proxy.listener(listenerJson({ routes, manager: ofHost })));
    client.get("/none", ["cache-control: only-if-cached"]);
    await client.response();
  };
  await fill();
  await reconfigure([{ id: "1", path: "", tag: "blue" }]);
  assert.equal(proxy.metric("tulle_cache_entries"), 2);
  await reconfigure([
    { id: "1", path: "", tag: "blue" },
    { id: "2", path: "/items/*", tag: "" },
  ]);
  assert.equal(proxy.metric("tulle_cache_entries"), 1);
  await fetched(setup, "/items/1", (request) => request.reply("1", tagged("blue")));
  client.get("/items/1");
  assert.equal((await client.response()).body, "1");
});

test("HTTP/2: a large body leaves as its client takes it", async (context) => {
  const setup = await setUp(context, { bytes_max: 64_000_000, object_bytes_max: 16_000_000 });
  const body = "x".repeat(3_000_000);
  await fetched(setup, "/", (request) => request.reply(body, KEPT));
  const client = await RawHttp2Client.connect(setup.proxy.port(), { windowBytes: 4_000_000 });
  context.after(() => client.close());
  client.request(1, requestFields("/")).request(3, requestFields("/"));
  await client.until(() => client.isOver(1) && client.isOver(3));
  assert.equal(client.bodyOf(1).length, body.length);
  assert.equal(client.bodyOf(3).length, body.length);
  assert.equal(setup.upstream.requests.length, 1);
});

test("a client that stops reading ends with the idle limit, and one that leaves at once", async (context) => {
  const setup = await setUp(context, { bytes_max: 64_000_000, object_bytes_max: 16_000_000 });
  const { clock, connect, proxy } = setup;
  const body = "x".repeat(12_000_000);
  setup.client.get("/");
  (await setup.upstream.next()).reply(body, KEPT);
  setup.client.socket.removeAllListeners("data").resume();
  await until(() => proxy.metric("tulle_cache_entries") === 1);
  const stalled = await connect();
  stalled.socket.pause();
  stalled.get("/");
  await until(() => result(proxy, "hit") === 1);
  clock.advance(700_000);
  await until(() => proxy.metric("istio_requests_total", 'response_flags="SI"') === 1);
});
