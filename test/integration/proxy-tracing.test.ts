/** Traces of requests: the context that goes on, the spans that are told, and what is kept although nobody sampled it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, type ListenerSpec, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { SpanCollector, type ToldSpan } from "../support/span-collector.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

interface SetUp {
  readonly direction?: ListenerSpec["direction"];
  readonly tracing?: JsonObject;
  /** Of the listener's metadata. */
  readonly own?: JsonObject;
  readonly routes?: readonly JsonObject[];
}

async function setUp(context: TestContext, { direction, tracing = {}, own, routes }: SetUp) {
  const app = await RawUpstream.start(context);
  const mirror = await RawUpstream.start(context);
  const collector = await SpanCollector.start(context);
  const provider = {
    name: "envoy.tracers.opentelemetry",
    typed_config: {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      grpc_service: { envoy_grpc: { cluster_name: "collector" } },
    },
  };
  const http2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const bootstrap = bootstrapOf(
    [
      {
        ...(direction === undefined ? {} : { direction }),
        routes: routes ?? [
          { name: "items", ...routeTo("app", {}, { path_separated_prefix: "/items" }) },
        ],
        manager: { tracing: { provider, ...tracing } },
        ...(own === undefined
          ? {}
          : { metadata: { filter_metadata: { tulle: { tracing: own } } } }),
      },
    ],
    [
      { name: "app", endpoints: [app.port] },
      { name: "mirror", endpoints: [mirror.port] },
      {
        name: "collector",
        endpoints: [collector.port],
        fields: { typed_extension_protocol_options: http2 },
      },
    ],
  );
  const proxy = await ProxyFixture.start(context, bootstrap);
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { app, mirror, collector, proxy, client };
}

const SAMPLED = `traceparent: 00-${TRACE}-${PARENT}-01`;
const UNSAMPLED = `traceparent: 00-${TRACE}-${PARENT}-00`;
const KEEPING = { formats: ["W3C"], keepErrors: true, keepSlowerThanMs: 0 };

function only(spans: readonly ToldSpan[]): ToldSpan {
  assert.equal(spans.length, 1);
  return spans[0]!;
}

test("a request to the app is a SERVER span below its caller's", async (context) => {
  const { app, client, collector } = await setUp(context, {
    direction: "INBOUND",
    tracing: {
      custom_tags: [
        { tag: "shop.region", literal: { value: "eu" } },
        { tag: "shop.tenant", request_header: { name: "x-tenant" } },
        { tag: "shop.other", request_header: { name: "x-other", default_value: "none" } },
      ],
    },
  });
  client.get("/items/7?secret=1", [
    SAMPLED,
    "User-Agent: test",
    "x-tenant: a",
    "tracestate: k=v",
    "baggage: b=1",
  ]);
  const request = await app.next();
  const sent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(headerOf(request, "traceparent") ?? "");
  assert.equal(sent?.[1], TRACE);
  assert.equal(headerOf(request, "tracestate"), "k=v");
  assert.equal(headerOf(request, "baggage"), "b=1");
  request.reply("ok", [], "404 Not Found");
  await client.response();
  const span = only(await collector.atLeast(1));
  assert.equal(span.traceId, TRACE);
  assert.equal(span.spanId, sent?.[2]);
  assert.equal(span.parentId, PARENT);
  assert.equal(span.kind, "SERVER");
  assert.equal(span.name, "GET /items/*");
  assert.equal(span.isError, false, "404 is an answer");
  assert.ok(span.endNs > span.startNs);
  const { "client.address": clientAddress, "mesh.request_id": id, ...attributes } = span.attributes;
  assert.equal(clientAddress, "127.0.0.1");
  assert.match(id ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(attributes, {
    "http.request.method": "GET",
    "http.response.status_code": "404",
    "network.protocol.name": "http",
    "network.protocol.version": "1.1",
    "url.scheme": "http",
    "server.address": "app",
    "url.path": "/items/7",
    "user_agent.original": "test",
    "http.route": "/items/*",
    "mesh.route.name": "items",
    "mesh.upstream.cluster": "app",
    "mesh.response_code_details": "via_upstream",
    "shop.region": "eu",
    "shop.tenant": "a",
    "shop.other": "none",
  });
});

test("retries are CLIENT spans of their own, siblings of the first try", async (context) => {
  const retry = { retry_policy: { retry_on: "5xx", num_retries: 2 } };
  const { app, client, collector } = await setUp(context, { routes: [routeTo("app", retry)] });
  client.get("/", [SAMPLED]);
  const first = await app.next();
  first.reply("no", [], "503 Service Unavailable");
  const second = await app.next();
  second.reply("no", [], "503 Service Unavailable");
  const third = await app.next();
  third.reply("yes");
  assert.equal((await client.response()).body, "yes");
  const spans = await collector.atLeast(3);
  const rows = spans.map(({ spanId, parentId, kind, isError, attributes }) => ({
    ...{ spanId, parentId, kind, isError },
    resend: attributes["http.request.resend_count"],
    status: attributes["http.response.status_code"],
  }));
  const idOf = (request: typeof first) => headerOf(request, "traceparent")?.split("-")[2];
  const shared = { parentId: PARENT, kind: "CLIENT" };
  assert.deepEqual(rows, [
    { ...shared, spanId: idOf(first), isError: true, resend: undefined, status: "503" },
    { ...shared, spanId: idOf(second), isError: true, resend: "1", status: "503" },
    { ...shared, spanId: idOf(third), isError: false, resend: "2", status: "200" },
  ]);
  assert.equal(new Set(rows.map(({ spanId }) => spanId)).size, 3);
});

test("with spawn_upstream_span a SERVER span stands around the tries", async (context) => {
  const retry = { retry_policy: { retry_on: "5xx", num_retries: 1 } };
  const { app, client, collector } = await setUp(context, {
    routes: [routeTo("app", retry)],
    tracing: { spawn_upstream_span: true },
  });
  client.get("/", [SAMPLED]);
  (await app.next()).reply("no", [], "503 Service Unavailable");
  const last = await app.next();
  last.reply("yes");
  await client.response();
  const spans = await collector.atLeast(3);
  const server = spans.find(({ kind }) => kind === "SERVER") ?? assert.fail("no SERVER span");
  assert.equal(server.parentId, PARENT);
  const tries = spans.filter(({ kind }) => kind === "CLIENT");
  assert.deepEqual(
    tries.map(({ parentId, isError }) => [parentId === server.spanId, isError]),
    [
      [true, true],
      [true, false],
    ],
  );
  assert.equal(tries[1]?.spanId, headerOf(last, "traceparent")?.split("-")[2]);
});

test("a mirror's copy is a CLIENT span of its own", async (context) => {
  const action = { request_mirror_policies: [{ cluster: "mirror" }] };
  const { app, mirror, client, collector } = await setUp(context, {
    routes: [routeTo("app", action)],
  });
  client.get("/", [SAMPLED]);
  (await app.next()).reply("yes");
  await client.response();
  const copy = await mirror.next();
  copy.reply("nobody reads this");
  const spans = await collector.atLeast(2);
  const mirrored = spans.find(({ attributes }) => attributes["mesh.mirrored"] === "true");
  assert.equal(mirrored?.attributes["mesh.upstream.cluster"], "mirror");
  assert.equal(mirrored?.spanId, headerOf(copy, "traceparent")?.split("-")[2]);
  assert.equal(mirrored?.parentId, PARENT);
});

test("without a context a trace begins, sampled by its rate, its route's or not at all", async (context) => {
  const none = { random_sampling: { numerator: 0 } };
  const { app, client, collector } = await setUp(context, {
    routes: [
      { ...routeTo("app", {}, { prefix: "/none" }), tracing: none },
      routeTo("app", {}, { prefix: "/" }),
    ],
  });
  client.get("/none", ["tracestate: k=v"]);
  const first = await app.next();
  assert.match(headerOf(first, "traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/);
  assert.equal(headerOf(first, "tracestate"), undefined, "it belongs to no trace");
  first.reply("");
  await client.response();
  client.get("/all", ["b3: 0"]);
  const second = await app.next();
  assert.match(headerOf(second, "traceparent") ?? "", /-02$/, "the caller has decided");
  assert.match(headerOf(second, "b3") ?? "", /^[0-9a-f]{32}-[0-9a-f]{16}-0$/);
  second.reply("");
  await client.response();
  client.get("/all");
  const third = await app.next();
  assert.match(headerOf(third, "traceparent") ?? "", /-03$/);
  third.reply("");
  await client.response();
  const span = only(await collector.atLeast(1));
  assert.equal(span.parentId, "");
  assert.equal(span.attributes["http.route"], undefined);
});

test("a failure is kept although its trace is not sampled, with what came before and after", async (context) => {
  const { app, client, collector, proxy } = await setUp(context, { own: KEEPING });
  const exchange = async (header: string, status: string) => {
    client.get("/items/1", [header]);
    (await app.next()).reply("", [], status);
    await client.response();
  };
  const other = UNSAMPLED.replace(TRACE, TRACE.replace("4b", "5b"));
  await exchange(other, "200 OK");
  await exchange(UNSAMPLED, "200 OK");
  await exchange(UNSAMPLED, "500 Oops");
  await exchange(UNSAMPLED, "200 OK");
  const spans = await collector.atLeast(3);
  assert.deepEqual(
    spans.map(({ traceId, attributes }) => [
      traceId,
      attributes["mesh.kept"],
      attributes["url.full"],
    ]),
    [
      [TRACE, "error", "http://app/items/1"],
      [TRACE, "wanted", "http://app/items/1"],
      [TRACE, "wanted", "http://app/items/1"],
    ],
  );
  assert.equal(proxy.metric("tulle_spans_kept_total", 'reason="error"'), 1);
  assert.equal(proxy.metric("tulle_spans_kept_total", 'reason="wanted"'), 2);
});

test("a receiver that asks for a trace gets what is still known of it", async (context) => {
  const { app, client, collector } = await setUp(context, { own: KEEPING });
  client.get("/items/1", [UNSAMPLED]);
  (await app.next()).reply("yes");
  await client.response();
  await collector.question();
  collector.want(TRACE);
  const span = only(await collector.atLeast(1));
  assert.equal(span.traceId, TRACE);
  assert.equal(span.attributes["mesh.kept"], "wanted");
  assert.equal(span.attributes["http.response.status_code"], "200");
  assert.equal(span.attributes["http.route"], "/items/*");
});

test("what is slow is kept", async (context) => {
  const { app, client, collector } = await setUp(context, {
    own: { ...KEEPING, keepSlowerThanMs: 0.001 },
  });
  client.get("/items/1", [UNSAMPLED]);
  (await app.next()).reply("yes");
  await client.response();
  assert.equal(only(await collector.atLeast(1)).attributes["mesh.kept"], "slow");
});

test("a receiver that is away for a while gets its spans, and costs nobody anything", async (context) => {
  const { app, client, collector, proxy } = await setUp(context, {});
  collector.isDown = true;
  client.get("/items/1", [SAMPLED]);
  (await app.next()).reply("yes");
  assert.equal((await client.response()).body, "yes");
  await new Promise<void>((resolve) => {
    void collector.atLeast(1).then(() => resolve());
    collector.isDown = false;
  });
  assert.equal(proxy.metric("tulle_spans_total", 'result="dropped"'), 0);
});

test("b3 goes on beside traceparent where a policy says so", async (context) => {
  const { app, client } = await setUp(context, {
    own: { ...KEEPING, formats: ["B3", "B3Single"] },
  });
  client.get("/items/1");
  const request = await app.next();
  assert.equal(headerOf(request, "traceparent"), undefined);
  assert.match(headerOf(request, "b3") ?? "", /^[0-9a-f]{32}-[0-9a-f]{16}-1$/);
  const [trace, span] = headerOf(request, "b3")!.split("-");
  assert.equal(headerOf(request, "x-b3-traceid"), trace);
  assert.equal(headerOf(request, "x-b3-spanid"), span);
  request.reply("");
  await client.response();
});
