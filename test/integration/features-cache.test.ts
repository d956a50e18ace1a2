/** The response cache of a real sidecar process, on the system's clock: answers that are old from the start stand for time. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type UpstreamRequest } from "../support/raw-upstream.ts";
import { becomes, metric } from "../support/worker-fixture.ts";

const FRESH = ["cache-control: max-age=3600", 'etag: "1"'];
/** Older than it may be, by less than a minute. */
const STALE = ["cache-control: max-age=3600", 'etag: "1"', "age: 3610"];

function managerOf(settings: JsonObject): JsonObject {
  return {
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
      {
        name: "router",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
      },
    ],
  };
}

async function setUp(context: TestContext, settings: JsonObject = {}) {
  const upstream = await RawUpstream.start(context);
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app")], manager: managerOf(settings) }],
      [{ name: "app", endpoints: [upstream.port] }],
    ),
  );
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port("main"));
    context.after(() => client.close());
    return client;
  };
  const client = await connect();
  /** One request that the upstream answers. */
  const fetched = async (
    path: string,
    answer: (request: UpstreamRequest) => void,
    lines: readonly string[] = [],
  ): Promise<RawResponse> => {
    client.get(path, lines);
    answer(await upstream.next());
    return client.response();
  };
  /** One request that the cache answers. */
  const kept = async (path: string, lines: readonly string[] = []): Promise<RawResponse> => {
    const before = upstream.requests.length;
    client.get(path, lines);
    const response = await client.response();
    assert.equal(upstream.requests.length, before, path);
    return response;
  };
  return { upstream, proxy, connect, client, fetched, kept };
}

const statusOf = (response: RawResponse): string => headerOf(response, "cache-status") ?? "";

test("what is kept says its age; HEAD, ranges and conditions are answered from it", async (context) => {
  const { client, fetched, kept } = await setUp(context);
  await fetched("/", (request) => request.reply("0123456789", [...FRESH, "age: 600"]));
  const whole = await kept("/");
  assert.equal(whole.body, "0123456789");
  assert.ok(Number(headerOf(whole, "age")) >= 600);
  assert.match(statusOf(whole), /^tulle; hit; ttl=(3000|2\d\d\d)$/);
  client.send("HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
  assert.equal(headerOf(await client.response("HEAD"), "content-length"), "10");
  const part = await kept("/", ["range: bytes=2-4"]);
  assert.deepEqual([part.status, part.body], [206, "234"]);
  assert.equal((await kept("/", ['if-none-match: "1"'])).status, 304);
});

test("what is stale is validated by its ETag or Last-Modified", async (context) => {
  const { fetched } = await setUp(context);
  const modified = "Thu, 01 Jan 2026 00:00:00 GMT";
  for (const [path, validator, condition] of [
    ["/etag", 'etag: "1"', "if-none-match"],
    ["/date", `last-modified: ${modified}`, "if-modified-since"],
  ] as const) {
    const lines = ["cache-control: max-age=3600", "age: 3610", validator];
    await fetched(path, (request) => request.reply("hello", lines));
    const second = await fetched(path, (request) => {
      assert.ok(headerOf(request, condition));
      request.connection.send(`HTTP/1.1 304 Not Modified\r\n${validator}\r\n\r\n`);
    });
    assert.deepEqual([second.status, second.body], [200, "hello"]);
    assert.equal(statusOf(second), "tulle; fwd=stale; fwd-status=304");
  }
});

test("a 304 with whatever else: what is kept answers, and the connection goes on", async (context) => {
  const { fetched, kept } = await setUp(context, { shared: true });
  const oddities = [
    ["set-cookie: user=ann", "set-cookie: cart=7"],
    ["content-length: 5"],
    ["transfer-encoding: chunked"],
    ["content-length: 0", "content-type: text/plain", "content-encoding: gzip"],
    ["cache-control: max-age=60", "date: yesterday", "age: never", "expires: 0"],
  ];
  for (const [index, lines] of oddities.entries()) {
    const path = `/${index}`;
    await fetched(path, (request) => request.reply("hello", STALE));
    const second = await fetched(path, (request) => {
      const fields = ["cache-control: max-age=3600", "age: 0", ...lines].join("\r\n");
      request.connection.send(`HTTP/1.1 304 Not Modified\r\n${fields}\r\n\r\n`);
    });
    assert.deepEqual([second.status, second.body], [200, "hello"], String(lines));
    assert.equal(headerOf(second, "content-length"), "5");
    assert.equal(headerOf(second, "content-encoding"), undefined);
    assert.equal(statusOf(second), "tulle; fwd=stale; fwd-status=304");
    // Cookies are for the client that asked alone.
    const cookies = second.lines.filter((line) => /^set-cookie:/i.test(line));
    assert.equal(cookies.length, index === 0 ? 2 : 0);
    const third = await kept(path);
    assert.equal(third.body, "hello");
    assert.equal(headerOf(third, "set-cookie"), undefined);
  }
});

test("a 304 of another response, or one that forbids keeping, ends what is kept", async (context) => {
  const { fetched, kept } = await setUp(context);
  for (const [index, line] of ['etag: "2"', "cache-control: no-store", "vary: x-a"].entries()) {
    const path = `/${index}`;
    await fetched(path, (request) => request.reply("old", STALE));
    const second = await fetched(path, (request) => {
      request.connection.send(`HTTP/1.1 304 Not Modified\r\n${line}\r\n\r\n`);
    });
    assert.deepEqual([second.status, second.body], [200, "old"]);
    const third = await fetched(path, (request) => {
      assert.equal(headerOf(request, "if-none-match"), undefined);
      request.reply("new", FRESH);
    });
    assert.equal(third.body, "new");
    assert.equal((await kept(path)).body, "new");
  }
});

test("a 304 that nobody asked for is passed on; a status that there is not is a bad gateway", async (context) => {
  const { fetched } = await setUp(context);
  const lines = ["cache-control: max-age=3600", "age: 3610", "x-a: 1"];
  await fetched("/", (request) => request.reply("old", lines));
  const answered = await fetched("/", (request) => {
    request.connection.send("HTTP/1.1 304 Not Modified\r\nset-cookie: a=b\r\n\r\n");
  });
  assert.deepEqual([answered.status, answered.body], [304, ""]);
  // What tests of caches answer where they were not asked what they expected (RFC 9110 section 15).
  const unknown = await fetched("/", (request) => {
    request.connection.send("HTTP/1.1 999 304 Not Generated\r\ncontent-length: 0\r\n\r\n");
  });
  assert.equal(unknown.status, 502);
});

test("CDN-Cache-Control goes before Cache-Control, unless other fields do", async (context) => {
  const meant = ["cache-control: no-store", "cdn-cache-control: max-age=600"];
  const targeted = await setUp(context);
  await targeted.fetched("/", (request) => request.reply("kept", meant));
  const again = await targeted.kept("/");
  assert.equal(again.body, "kept");
  assert.equal(headerOf(again, "cdn-cache-control"), "max-age=600", "it is passed on");
  const own = await setUp(context, { targeted_fields: ["Mesh-Cache-Control"] });
  await own.fetched("/", (request) => request.reply("once", meant));
  await own.fetched("/", (request) =>
    request.reply("twice", [...meant, "mesh-cache-control: max-age=9"]),
  );
  assert.equal((await own.kept("/")).body, "twice");
});

test("stale while revalidating, and stale when the upstream fails", async (context) => {
  const background = await setUp(context, { stale_while_revalidate_ms: 3_600_000 });
  await background.fetched("/", (request) => request.reply("old", STALE));
  background.client.get("/");
  assert.equal((await background.client.response()).body, "old");
  const refresh = await background.upstream.next();
  assert.equal(headerOf(refresh, "if-none-match"), '"1"');
  const failing = await setUp(context, { stale_if_error_ms: 3_600_000 });
  await failing.fetched("/", (request) => request.reply("old", STALE));
  const second = await failing.fetched("/", (request) => request.reply("no", [], "503 Busy"));
  assert.deepEqual([second.status, second.body], [200, "old"]);
});

test("one request asks, the others wait for its answer", async (context) => {
  const { upstream, proxy, connect, client } = await setUp(context);
  client.get("/");
  const leader = await upstream.next();
  const others = await Promise.all(Array.from({ length: 10 }, connect));
  for (const other of others) other.get("/");
  await becomes(async () => (await metric(proxy, "tulle_cache_waiting")) === 10);
  leader.reply("once", FRESH);
  for (const other of others) assert.equal((await other.response()).body, "once");
  assert.equal(upstream.requests.length, 1);
});

test("identities do not get each other's responses, unless they share", async (context) => {
  const [ann, bob] = [["cookie: user=ann"], ["cookie: user=bob"]];
  const own = await setUp(context);
  await own.fetched("/", (request) => request.reply("ann's", FRESH), ann);
  await own.fetched("/", (request) => request.reply("bob's", FRESH), bob);
  assert.equal((await own.kept("/", ann)).body, "ann's");
  const shared = await setUp(context, { shared: true });
  await shared.fetched("/", (request) => request.reply("all's", FRESH), ann);
  assert.equal((await shared.kept("/", bob)).body, "all's");
});

test("memory is bounded, and what was used longest ago goes", async (context) => {
  const bytesMax = 64 * 1024;
  const { proxy, fetched, kept } = await setUp(context, {
    bytes_max: bytesMax,
    object_bytes_max: 20_000,
  });
  for (let i = 0; i < 40; i++) {
    await fetched(`/${i}`, (request) => request.reply("x".repeat(4000), FRESH));
    await kept("/0");
  }
  assert.ok((await metric(proxy, "tulle_cache_bytes")) <= bytesMax);
  await fetched("/1", (request) => request.reply("again", FRESH));
});
