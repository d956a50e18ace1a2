/** Load balancing on real connections: who is avoided, and that all get their share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { freePort } from "../support/free-port.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const PEAK_EWMA: JsonObject = {
  load_balancing_policy: {
    policies: [
      {
        typed_extension_config: {
          name: "peak_ewma",
          typed_config: {
            "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
            type_url:
              "type.googleapis.com/envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma",
          },
        },
      },
    ],
  },
};
const RETRY = { retry_policy: { retry_on: "connect-failure", num_retries: 2 } };
const REQUESTS = 40;

test("peak-EWMA: an endpoint that refuses connections is tried once, not for its speed", async (context) => {
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply("ok"),
  });
  const endpoints = [await freePort(), upstream.port];
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", RETRY)] }],
      [{ name: "app", endpoints, fields: PEAK_EWMA }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  for (let i = 0; i < REQUESTS; i++) {
    client.send("GET / HTTP/1.1\r\nhost: app\r\n\r\n");
    assert.equal((await client.response()).status, 200);
  }
  assert.ok(proxy.metric("tulle_upstream_connect_failures_total") <= 1);
  assert.equal(upstream.requests.length, REQUESTS);
});

test("peak-EWMA: endpoints that are alike get alike", async (context) => {
  const upstreams = await Promise.all(
    [0, 1].map(() => RawUpstream.start(context, { onRequest: (request) => request.reply("ok") })),
  );
  const endpoints = upstreams.map(({ port }) => port);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: [routeTo("app")] }], [{ name: "app", endpoints, fields: PEAK_EWMA }]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  for (let i = 0; i < REQUESTS; i++) {
    client.send("GET / HTTP/1.1\r\nhost: app\r\n\r\n");
    await client.response();
  }
  for (const upstream of upstreams) assert.ok(upstream.requests.length > 0);
});
