/** Metrics pushed over OTLP by real sidecars: what the receiver knows is what their pages say. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { OtlpCollector } from "../support/otlp-collector.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { askAll, metric, openConnections } from "../support/worker-fixture.ts";

const TYPE = "type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig";
const NODE_METADATA = {
  ...{ NAMESPACE: "shop", SERVICE: "cart", LABELS: { version: "v2" }, CLUSTER_ID: "east" },
};
const NODE: JsonObject = { id: "cart-1", cluster: "cart", metadata: NODE_METADATA };

function sinkTo(cluster_name: string): JsonObject {
  return {
    name: "envoy.stat_sinks.open_telemetry",
    typed_config: { "@type": TYPE, grpc_service: { envoy_grpc: { cluster_name } } },
  };
}

async function start(
  context: TestContext,
  collector: OtlpCollector,
  flags: readonly string[] = [],
  node = NODE,
): Promise<ProxyProcess> {
  const app = await RawUpstream.echo(context);
  const clusters = [
    { name: "app", endpoints: [app.port] },
    { name: "collector", endpoints: [collector.port] },
  ];
  const bootstrap = bootstrapOf([{ routes: "app" }], clusters, {
    ...{ node, stats_flush_interval: "0.05s", stats_sinks: [sinkTo("collector")] },
  });
  return await ProxyProcess.start(context, bootstrap, flags);
}

for (const workers of [1, 2]) {
  test(`a collector is told what ${workers} worker(s) counted, once`, async (context) => {
    const collector = await OtlpCollector.start(context);
    const proxy = await start(context, collector, ["--workers", String(workers)]);
    const clients = await openConnections(proxy.port("main"), 10);
    for (let i = 0; i < 3; i++) await askAll(clients, "/");
    await collector.until(() => collector.sum("istio_requests_total") === 30);
    const [requests] = collector.points("istio_requests_total");
    assert.equal(requests?.labels["response_code"], "200");
    assert.equal(requests?.labels["reporter"], "source");
    assert.deepEqual(requests?.resource, {
      "service.name": "cart",
      "service.namespace": "shop",
      "service.version": "v2",
      "service.instance.id": "cart-1",
      "mesh.cluster": "east",
    });
    assert.equal(collector.sum("istio_request_duration_milliseconds"), 30);
    assert.equal(await metric(proxy, "istio_requests_total"), 30);
    // What does not change is not told again.
    const before = collector.pushes.length;
    await collector.next();
    await collector.next();
    const names = collector.pushes
      .slice(before + 1)
      .flat()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap(({ metrics }) => metrics.map(({ name }) => name));
    assert.ok(!names.includes("istio_requests_total"), names.join());
    for (const client of clients) client.close();
  });
}

test("a collector gets exponential histograms where the bootstrap file asks for them", async (context) => {
  const collector = await OtlpCollector.start(context);
  const metadata = { ...NODE_METADATA, OTLP_HISTOGRAMS: "exponential" };
  const proxy = await start(context, collector, ["--workers", "2"], { ...NODE, metadata });
  const clients = await openConnections(proxy.port("main"), 10);
  await askAll(clients, "/");
  await collector.until(() => collector.sum("istio_request_bytes") === 10);
  const kinds = collector.pushes
    .flat()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .filter(({ name }) => name === "istio_request_bytes")
    .map(({ data }) => data);
  const last = kinds.at(-1);
  assert.ok(last?.case === "exponentialHistogram");
  const [point] = last.value.dataPoints;
  // All requests are alike: one bucket at the finest resolution.
  assert.equal(point?.scale, 8);
  assert.deepEqual(point?.positive?.bucketCounts, [10n]);
  for (const client of clients) client.close();
});

test("a collector that was away is told everything, and the last words of a proxy that ends", async (context) => {
  const collector = await OtlpCollector.start(context);
  collector.isDown = true;
  const proxy = await start(context, collector);
  const clients = await openConnections(proxy.port("main"), 2);
  await askAll(clients, "/");
  await collector.next();
  await collector.next();
  assert.equal(collector.pushes.length, 0);
  collector.isDown = false;
  await collector.until(() => collector.sum("istio_requests_total") === 2);
  assert.equal(collector.sum("istio_build"), 1);
  await collector.until(() =>
    collector
      .points("tulle_metrics_pushes_total")
      .some(({ labels, value }) => labels["result"] === "failed" && value >= 1),
  );
  await askAll(clients, "/");
  for (const client of clients) client.close();
  proxy.child.kill("SIGTERM");
  await collector.until(() => collector.sum("istio_requests_total") === 4);
});

test("a sink that cannot be is refused by its path", async (context) => {
  const bad: readonly (readonly [JsonObject, RegExp])[] = [
    [{ stats_sinks: [sinkTo("nowhere")] }, /stats_sinks\[0\]\S+cluster_name: "nowhere" is not one/],
    [
      { stats_sinks: [{ ...sinkTo("app"), name: "envoy.stat_sinks.statsd" }] },
      /stats_sinks\[0\]\.name: only envoy\.stat_sinks\.open_telemetry/,
    ],
    [{ stats_flush_interval: "400s" }, /stats_flush_interval: must be from 0\.001s to 300s/],
  ];
  for (const [more, says] of bad) {
    const bootstrap = bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [1] }], more);
    const proxy = ProxyProcess.spawn(context, bootstrap);
    await assert.rejects(proxy.line("ready"), says);
  }
});
