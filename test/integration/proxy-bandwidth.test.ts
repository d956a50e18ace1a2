/** Bandwidth limits in a real sidecar: how fast bodies pass, together, and that whoever sends them is slowed down. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const KIBIBYTE = 1024;
const LIMIT_KBPS = 200;
/** What may leave before the limit is felt: one slice at the beginning, one more behind a pause. */
const BURST_BYTES = 0.15 * LIMIT_KBPS * KIBIBYTE;

type Mode = "REQUEST" | "RESPONSE" | "REQUEST_AND_RESPONSE";

/** Bytes of the body, `echo` for as many as the request has. */
async function bootstrap(context: TestContext, bytes: number | "echo", mode: Mode = "RESPONSE") {
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) =>
      request.reply("x".repeat(bytes === "echo" ? request.body.length : bytes)),
  });
  const manager = {
    http_filters: [
      {
        name: "envoy.filters.http.bandwidth_limit",
        typed_config: {
          "@type": `${HTTP}.bandwidth_limit.v3.BandwidthLimit`,
          stat_prefix: "default/slow",
          enable_mode: mode,
          limit_kbps: LIMIT_KBPS,
        },
      },
      { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
    ],
  };
  return bootstrapOf([{ routes: "app", manager }], [{ name: "app", endpoints: [upstream.port] }]);
}

/** Resolves with the size of the body. */
async function fetchFrom(context: TestContext, port: number): Promise<number> {
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  const { status, body } = await client.get().response();
  assert.equal(status, 200);
  return body.length;
}

/** Sends a body and resolves with the size of the answer's. */
async function post(context: TestContext, port: number, bytes: number): Promise<number> {
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  client.send(`POST / HTTP/1.1\r\nhost: app\r\ncontent-length: ${bytes}\r\n\r\n`);
  client.send("y".repeat(bytes));
  const { status, body } = await client.response("POST");
  assert.equal(status, 200);
  return body.length;
}

/** A limit bounds how fast bytes come from below: however busy the machine is, they are not there before. */
function assertNotFaster(bytes: number, tookMs: number): void {
  const allowed = BURST_BYTES + (tookMs / 1000) * LIMIT_KBPS * KIBIBYTE;
  assert.ok(bytes <= allowed, `${bytes} bytes in ${tookMs} ms`);
}

test("bodies of all responses share the limit, and arrive whole", async (context) => {
  const bytes = 40 * KIBIBYTE;
  const proxy = await ProxyFixture.start(context, await bootstrap(context, bytes));
  const startMs = performance.now();
  const sizes = await Promise.all([1, 2, 3, 4].map(() => fetchFrom(context, proxy.port())));
  assert.deepEqual(sizes, [bytes, bytes, bytes, bytes]);
  assertNotFaster(4 * bytes, performance.now() - startMs);
  const label = 'policy="default/slow"';
  assert.equal(proxy.metric("tulle_bandwidth_limited_responses_total", label), 4);
});

test("a body that is larger than what is kept slows its upstream down, in a real process", async (context) => {
  const bytes = 300 * KIBIBYTE;
  const proxy = await ProxyProcess.start(context, await bootstrap(context, bytes));
  const startMs = performance.now();
  assert.equal(await fetchFrom(context, proxy.port("main")), bytes);
  assertNotFaster(bytes, performance.now() - startMs);
});

test("bodies of requests share the limit, and arrive whole, in a real process", async (context) => {
  const bytes = 150 * KIBIBYTE;
  const proxy = await ProxyProcess.start(context, await bootstrap(context, "echo", "REQUEST"));
  const startMs = performance.now();
  const sizes = await Promise.all([1, 2].map(() => post(context, proxy.port("main"), bytes)));
  assert.deepEqual(sizes, [bytes, bytes]);
  assertNotFaster(2 * bytes, performance.now() - startMs);
});

test("a limit of both directions counts both together, and requests without a body wait for nothing", async (context) => {
  const bytes = 60 * KIBIBYTE;
  const config = await bootstrap(context, "echo", "REQUEST_AND_RESPONSE");
  const proxy = await ProxyFixture.start(context, config);
  const startMs = performance.now();
  assert.equal(await post(context, proxy.port(), bytes), bytes);
  assertNotFaster(2 * bytes, performance.now() - startMs);
  assert.equal(await fetchFrom(context, proxy.port()), 0);
  const label = 'policy="default/slow"';
  assert.equal(proxy.metric("tulle_bandwidth_limited_requests_total", label), 1);
  assert.equal(proxy.metric("tulle_bandwidth_limited_responses_total", label), 2);
});

test("a client that goes away in the middle of its body leaves nothing behind", async (context) => {
  const config = await bootstrap(context, "echo", "REQUEST");
  const proxy = await ProxyFixture.start(context, config);
  const client = await RawClient.connect(proxy.port());
  client.send(
    `POST / HTTP/1.1\r\nhost: app\r\ncontent-length: 900000\r\n\r\n${"y".repeat(200_000)}`,
  );
  await until(() => proxy.dataPlane.requestsTotal === 1);
  client.close();
  await until(() => proxy.dataPlane.clusters.get("app")?.activeRequests === 0);
  assert.equal(await post(context, proxy.port(), 1_000), 1_000);
});
