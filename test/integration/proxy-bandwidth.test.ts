/** Bandwidth limits of responses in a real sidecar: how fast bodies leave, together, and that upstreams are slowed down. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const KIBIBYTE = 1024;
const LIMIT_KBPS = 200;
/** What may leave before the limit is felt: one slice at the beginning, one more behind a pause. */
const BURST_BYTES = 0.15 * LIMIT_KBPS * KIBIBYTE;

async function bootstrap(context: TestContext, bodyBytes: number) {
  const body = "x".repeat(bodyBytes);
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(body),
  });
  const manager = {
    http_filters: [
      {
        name: "envoy.filters.http.bandwidth_limit",
        typed_config: {
          "@type": `${HTTP}.bandwidth_limit.v3.BandwidthLimit`,
          stat_prefix: "default/slow",
          enable_mode: "RESPONSE",
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
