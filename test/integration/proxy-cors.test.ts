/** CORS through the sidecar: what a real `fetch` of a script needs, byte by byte, and what is counted. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.http";
const NAME = "envoy.filters.http.cors";
const FILTERS = [
  { name: NAME, typed_config: { "@type": `${TYPES}.cors.v3.Cors` } },
  { name: "router", typed_config: { "@type": `${TYPES}.router.v3.Router` } },
];
const SHOP = "https://shop.example";

async function setUp(context: TestContext, policy: JsonObject) {
  const upstream = await RawUpstream.echo(context);
  const routes = [
    {
      ...routeTo("app"),
      typed_per_filter_config: { [NAME]: { "@type": `${TYPES}.cors.v3.CorsPolicy`, ...policy } },
    },
  ];
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes, manager: { http_filters: FILTERS } }],
      [{ name: "app", endpoints: [upstream.port] }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  const ask = (method: string, ...lines: readonly string[]): Promise<RawResponse> => {
    client.send(`${[`${method} / HTTP/1.1`, "Host: app", ...lines].join("\r\n")}\r\n\r\n`);
    return client.response();
  };
  return { upstream, proxy, ask };
}

const POLICY: JsonObject = {
  allow_origin_string_match: [{ exact: SHOP }],
  allow_methods: "GET, PUT",
  allow_headers: "*",
  expose_headers: "x-total",
  max_age: "600",
  allow_credentials: true,
};

test("a preflight is answered, and the app sees none", async (context) => {
  const { ask, upstream, proxy } = await setUp(context, POLICY);
  const answer = await ask(
    "OPTIONS",
    `Origin: ${SHOP}`,
    "Access-Control-Request-Method: PUT",
    "Access-Control-Request-Headers: x-a, x-b",
  );
  assert.equal(answer.status, 200);
  assert.equal(headerOf(answer, "access-control-allow-origin"), SHOP);
  assert.equal(headerOf(answer, "access-control-allow-methods"), "GET, PUT");
  assert.equal(headerOf(answer, "access-control-allow-headers"), "x-a, x-b");
  assert.equal(headerOf(answer, "access-control-allow-credentials"), "true");
  assert.equal(headerOf(answer, "access-control-max-age"), "600");
  assert.equal(upstream.requests.length, 0);
  assert.equal(proxy.metric("tulle_cors_requests_total", 'origin="allowed"'), 1);
});

test("answers to allowed origins name them; others get theirs untouched", async (context) => {
  const { ask, proxy } = await setUp(context, POLICY);
  const allowed = await ask("GET", `Origin: ${SHOP}`);
  assert.equal(headerOf(allowed, "access-control-allow-origin"), SHOP);
  assert.equal(headerOf(allowed, "access-control-expose-headers"), "x-total");
  assert.equal(headerOf(allowed, "vary"), "Origin");
  const refused = await ask("GET", "Origin: https://evil.example");
  assert.equal(refused.status, 200);
  assert.equal(headerOf(refused, "access-control-allow-origin"), undefined);
  const same = await ask("GET");
  assert.equal(headerOf(same, "vary"), undefined);
  assert.equal(proxy.metric("tulle_cors_requests_total", 'origin="refused"'), 1);
});

test("in the shadow it counts and changes nothing", async (context) => {
  const share = (numerator: number): JsonObject => ({ default_value: { numerator } });
  const { ask, proxy } = await setUp(context, {
    ...POLICY,
    filter_enabled: share(0),
    shadow_enabled: share(100),
  });
  const answer = await ask("GET", `Origin: ${SHOP}`);
  assert.equal(headerOf(answer, "access-control-allow-origin"), undefined);
  assert.equal(proxy.metric("tulle_cors_requests_total", 'origin="allowed"'), 1);
});
