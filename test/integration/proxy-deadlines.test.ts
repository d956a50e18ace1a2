/** Deadlines: which limit holds for a request, who asked for it, and what the next hop is told is left of it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

interface Setup {
  readonly action?: JsonObject;
  readonly manager?: JsonObject;
  readonly cluster?: JsonObject;
}

const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const EXPECTED = "x-envoy-expected-rq-timeout-ms";
/** A call of gRPC in HTTP/1.1, which proxies take for one by its fields. */
const GRPC = ["content-type: application/grpc", "te: trailers", "content-length: 0"];
/** As the edge writes it down. */
const INSIDE = "x-forwarded-for: 10.1.2.3";
const TRUSTING: JsonObject = {
  internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
};

async function setUp(context: TestContext, { action = {}, manager = {}, cluster = {} }: Setup) {
  const clock = new ManualClock();
  const upstream = await RawUpstream.start(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action)], manager }],
      [{ name: "app", endpoints: [upstream.port], fields: cluster }],
    ),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  const call = (...lines: readonly string[]): void => {
    client.send(`${["POST /s/m HTTP/1.1", "host: app", ...GRPC, ...lines, "", ""].join("\r\n")}`);
  };
  const counts = () => {
    const found = proxy.dataPlane.clusters.get("app");
    assert.ok(found);
    return found.counts;
  };
  return { clock, upstream, proxy, client, call, counts };
}

test("a stream has its time, from its beginning to its end", async (context) => {
  const { clock, client, upstream, counts } = await setUp(context, {
    action: { max_stream_duration: { max_stream_duration: "2s" } },
  });
  client.get();
  await upstream.next();
  clock.advance(1_900);
  clock.advance(200);
  const late = await client.response();
  assert.equal(late.status, 504);
  assert.match(late.body, /longer than its deadline/);
  await upstream.until(() => upstream.openCount === 0);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\na");
  await until(() => upstream.connections.length === 2);
  clock.advance(2_100);
  assert.equal((await client.response()).status, 408, "the request is what is late");
  assert.equal(counts().timeouts, 0);
});

test("a listener limits the streams of routes that say nothing, a route with 0 has none", async (context) => {
  const manager = { common_http_protocol_options: { max_stream_duration: "1s" } };
  const limited = await setUp(context, { manager, action: { timeout: "0s" } });
  limited.client.get();
  await limited.upstream.next();
  limited.clock.advance(1_100);
  assert.equal((await limited.client.response()).status, 504);
  const free = await setUp(context, {
    manager,
    action: { max_stream_duration: { max_stream_duration: "0s" } },
  });
  free.client.get();
  const request = await free.upstream.next();
  free.clock.advance(60_000);
  request.reply("fine");
  assert.equal((await free.client.response()).body, "fine");
});

test("a stream that is answered is cut when its time is over", async (context) => {
  const { clock, client, upstream, proxy } = await setUp(context, {
    action: { max_stream_duration: { max_stream_duration: "1s" } },
  });
  client.get();
  (await upstream.next()).connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
  await client.text(/ab$/);
  clock.advance(1_100);
  await assert.rejects(client.response(), /within a response/);
  await until(() => proxy.metric("istio_requests_total") === 1);
});

test("a client of gRPC sets the limit of its stream, within what the route allows", async (context) => {
  const { clock, client, call, upstream } = await setUp(context, {
    action: {
      max_stream_duration: { grpc_timeout_header_max: "5s", grpc_timeout_header_offset: "0.5s" },
    },
  });
  for (const [asked, told, ms] of [
    ["2S", "1500m", 1_500],
    ["1M", "4500m", 4_500],
  ] as const) {
    call(`grpc-timeout: ${asked}`);
    const request = await upstream.next();
    assert.equal(headerOf(request, "grpc-timeout"), told);
    clock.advance(ms - 100);
    clock.advance(200);
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.equal(headerOf(answer, "grpc-status"), "4");
  }
});

test("the older field sets the time for the answer, and the upstream is told the rest of it", async (context) => {
  const { clock, client, call, upstream } = await setUp(context, {
    action: {
      max_grpc_timeout: "10s",
      retry_policy: {
        retry_on: "unavailable",
        num_retries: 1,
        retry_back_off: { base_interval: "0.2s", max_interval: "0.2s" },
      },
    },
  });
  call("grpc-timeout: 4S");
  const first = await upstream.next();
  assert.equal(headerOf(first, "grpc-timeout"), "4000m");
  assert.equal(headerOf(first, EXPECTED), "4000");
  clock.advance(1_000);
  first.reply("", ["content-type: application/grpc", "grpc-status: 14"]);
  const second = await nextAfter(clock, upstream);
  const left = Number(headerOf(second, EXPECTED));
  assert.ok(left > 2_500 && left <= 3_000, String(left));
  assert.equal(headerOf(second, "grpc-timeout"), `${left}m`);
  clock.advance(left + 100);
  assert.equal(headerOf(await client.response(), "grpc-status"), "14");
  call();
  assert.equal(
    headerOf(await upstream.next(), "grpc-timeout"),
    "10000m",
    "no more than the route allows",
  );
});

test("a retry tells what is left of a deadline that nobody limits", async (context) => {
  const { clock, call, upstream } = await setUp(context, {
    action: { retry_policy: { retry_on: "unavailable", num_retries: 1 } },
  });
  call("grpc-timeout: 3S");
  const first = await upstream.next();
  assert.equal(headerOf(first, "grpc-timeout"), "3S", "the first try has the client's own words");
  clock.advance(1_000);
  first.reply("", ["content-type: application/grpc", "grpc-status: 14"]);
  const second = await nextAfter(clock, upstream);
  const told = headerOf(second, "grpc-timeout") ?? "";
  assert.match(told, /^1[5-9]\d\dm$|^2000m$/, told);
});

test("callers that the listener trusts set limits by fields, others do not", async (context) => {
  const { clock, client, upstream } = await setUp(context, { manager: TRUSTING });
  client.get("/", [INSIDE, "x-envoy-upstream-rq-timeout-ms: 500"]);
  const request = await upstream.next();
  assert.equal(headerOf(request, EXPECTED), "500");
  assert.equal(headerOf(request, "x-envoy-upstream-rq-timeout-ms"), undefined);
  assert.equal(headerOf(request, "x-envoy-internal"), "true");
  clock.advance(600);
  assert.equal((await client.response()).status, 504);
  for (const from of ["x-forwarded-for: 11.1.2.3", "x-forwarded-for: 10.1.2.3, 10.1.2.3", "x: y"]) {
    client.get("/", [from, "x-envoy-upstream-rq-timeout-ms: 500", "x-envoy-internal: true"]);
    const stranger = await upstream.next();
    assert.equal(headerOf(stranger, EXPECTED), "15000");
    assert.equal(headerOf(stranger, "x-envoy-internal"), undefined);
    assert.equal(headerOf(stranger, "x-envoy-upstream-rq-timeout-ms"), undefined);
    stranger.reply();
    assert.equal((await client.response()).status, 200);
  }
});

test("the time that the hop before waits counts where the router respects it", async (context) => {
  const respects = { typed_config: { "@type": ROUTER, respect_expected_rq_timeout: true } };
  const { clock, client, upstream } = await setUp(context, {
    manager: { ...TRUSTING, http_filters: [{ name: "router", ...respects }] },
    action: { timeout: "30s" },
  });
  client.get("/", [INSIDE, `${EXPECTED}: 700`]);
  assert.equal(headerOf(await upstream.next(), EXPECTED), "700");
  clock.advance(800);
  assert.equal((await client.response()).status, 504);
});

test("a try may not be silent, and the next one may answer", async (context) => {
  const { clock, client, upstream, counts } = await setUp(context, {
    action: {
      retry_policy: { retry_on: "reset", num_retries: 1, per_try_idle_timeout: "0.5s" },
    },
  });
  client.get();
  const first = await upstream.next();
  clock.advance(400);
  first.connection.send("HTTP/1.1 103 Early Hints\r\n\r\n");
  await client.text(/103/);
  clock.advance(400);
  assert.equal(first.connection.hasEnded, false, "it was not silent");
  clock.advance(200);
  await upstream.until(() => first.connection.hasEnded);
  (await nextAfter(clock, upstream)).reply("second");
  assert.equal((await client.response()).body, "second");
  assert.equal(counts().tryTimeouts, 1);
});

test("a cluster limits its streams", async (context) => {
  const { clock, client, upstream } = await setUp(context, {
    cluster: {
      typed_extension_protocol_options: {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          explicit_http_config: { http_protocol_options: {} },
          common_http_protocol_options: { max_stream_duration: "1s" },
        },
      },
    },
  });
  client.get("/", ["accept: application/json"]);
  await upstream.next();
  clock.advance(1_100);
  const answer = await client.response();
  assert.equal(answer.status, 504);
  assert.match(answer.body, /"UMSDR".*upstream_max_stream_duration_reached/);
});

/** The next request, which waits for the clock. */
async function nextAfter(clock: ManualClock, upstream: RawUpstream) {
  const next = upstream.next();
  let isThere = false;
  void next.then(() => {
    isThere = true;
  });
  while (!isThere) {
    clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return next;
}
