/** What a listener's metadata say of metrics: families left out, labels changed, names of Envoy and Kiali, while traffic goes on. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const ITEMS = {
  metadata: {
    filter_metadata: { istio: { services: [{ host: "items", name: "items", namespace: "shop" }] } },
  },
};
const NODE = { id: "cart-1", cluster: "cart", metadata: { SERVICE: "cart", NAMESPACE: "shop" } };

function bootstrap(port: number, metrics: JsonObject | undefined): JsonObject {
  const whole = bootstrapOf(
    [{ routes: [{ ...routeTo("app"), name: "all" }] }],
    [{ name: "app", endpoints: [port], fields: ITEMS }],
    { node: NODE },
  );
  if (metrics === undefined) return whole;
  const {
    listeners: [listener],
  } = whole["static_resources"] as { listeners: [JsonObject] };
  listener["metadata"] = { filter_metadata: { tulle: { metrics } } };
  return whole;
}

interface SetUp {
  readonly proxy: ProxyFixture;
  readonly ask: (path?: string) => Promise<void>;
  readonly change: (metrics: JsonObject | undefined) => Promise<void>;
}

async function setUp(context: TestContext, metrics: JsonObject | undefined): Promise<SetUp> {
  const upstream = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(context, bootstrap(upstream.port, metrics));
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return {
    proxy,
    ask: async () => {
      client.get();
      await client.response();
    },
    change: async (after) => {
      const {
        listeners: [listener],
      } = bootstrap(upstream.port, after)["static_resources"] as {
        listeners: [JsonObject];
      };
      const port = proxy.port();
      listener["address"] = { socket_address: { address: "127.0.0.1", port_value: 0 } };
      await proxy.dataPlane.setListener(proxy.listener(listener));
      assert.equal(proxy.port(), port, "the listener goes on in place");
    },
  };
}

test("families are left out and labels changed, the later entry before the earlier", async (context) => {
  const { proxy, ask } = await setUp(context, {
    overrides: [
      { metric: "ALL_METRICS", tags: { source_principal: null, team: "checkout" } },
      { metric: "REQUEST_SIZE", disabled: true },
      { metric: "RESPONSE_SIZE", disabled: true },
      { metric: "RESPONSE_SIZE", disabled: false },
      { metric: "REQUEST_COUNT", tags: { response_flags: null } },
    ],
  });
  await ask();
  assert.equal(proxy.metric("istio_requests_total", 'team="checkout"'), 1);
  assert.equal(proxy.metrics("istio_requests_total{", "source_principal").length, 0);
  assert.equal(proxy.metrics("istio_requests_total{", "response_flags").length, 0);
  const duration = "istio_request_duration_milliseconds_count";
  assert.equal(proxy.metric(duration, 'response_flags="-"', 'team="checkout"'), 1);
  assert.equal(proxy.metrics("istio_request_bytes").length, 0);
  assert.equal(proxy.metric("istio_response_bytes_count"), 1);
});

test("settings change under traffic", async (context) => {
  const { proxy, ask, change } = await setUp(context, undefined);
  await ask();
  await ask();
  assert.equal(proxy.metric("istio_requests_total", 'source_app="cart"'), 2);
  await change({ overrides: [{ metric: "ALL_METRICS", tags: { source_app: "basket" } }] });
  await ask();
  assert.equal(proxy.metric("istio_requests_total", 'source_app="cart"'), 0);
  assert.equal(proxy.metric("istio_requests_total", 'source_app="basket"'), 1);
  await change(undefined);
  await ask();
  assert.equal(proxy.metric("istio_requests_total", 'source_app="cart"'), 1);
});

test("Kiali's and Envoy's names come when they are asked for, and never fall", async (context) => {
  const { proxy, ask, change } = await setUp(context, undefined);
  await ask();
  assert.equal(proxy.metrics("kiali_ext_").length + proxy.metrics("envoy_").length, 0);
  await change({ compatibility: ["Kiali", "Envoy"] });
  await ask();
  await ask();
  const kiali = [
    'extension="tulle"',
    'source_name="cart"',
    'source_namespace="shop"',
    'source_is_root="false"',
    'dest_name="items"',
    'dest_namespace="shop"',
    'protocol="http"',
    'status_code="200"',
  ];
  assert.equal(proxy.metric("kiali_ext_requests_total", ...kiali), 2);
  const cluster = 'envoy_cluster_name="app"';
  assert.equal(proxy.metric("envoy_cluster_upstream_rq_total", cluster), 2);
  assert.equal(
    proxy.metric("envoy_cluster_upstream_rq_xx", cluster, 'envoy_response_code_class="2"'),
    2,
  );
  assert.equal(proxy.metric("envoy_cluster_membership_healthy", cluster), 1);
  assert.equal(proxy.metric("envoy_cluster_upstream_cx_active", cluster), 1);
  assert.equal(proxy.metric("envoy_http_downstream_cx_active"), 1);
  const outbound = 'envoy_http_conn_manager_prefix="outbound"';
  assert.equal(proxy.metric("envoy_http_downstream_rq_total", outbound), 2);
  assert.equal(proxy.metric("envoy_server_live"), 1);
  assert.ok(proxy.metric("envoy_server_memory_heap_size") > 1e7);
  proxy.registry.expireAll();
  assert.equal(proxy.metric("kiali_ext_requests_total", ...kiali), 2);
  await ask();
  assert.equal(proxy.metric("kiali_ext_requests_total", ...kiali), 3);
  assert.equal(proxy.metric("envoy_cluster_upstream_rq_total", cluster), 3);
});
