/** Families beside Istio's of requests: messages of gRPC, routes and backends, the service graph, what the app uses. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { METRIC_EXPIRY_INTERVAL_MS, METRIC_IDLE_MS } from "../../src/core/limits.ts";
import { snapshotOf } from "../../src/telemetry/metric-snapshot.ts";
import { openMetricsText } from "../../src/telemetry/openmetrics-text.ts";
import { parsePrometheus } from "../support/prometheus-parser.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream, type UpstreamConnection } from "../support/raw-upstream.ts";

const ISTIO = (host: string, name: string) => ({
  metadata: { filter_metadata: { istio: { services: [{ host, name, namespace: "shop" }] } } },
});
const NODE = { id: "cart-1", cluster: "cart", metadata: { SERVICE: "cart", NAMESPACE: "shop" } };
const MESSAGE = "\0\0\0\0\x03abc";

async function connected(context: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  return client;
}

test("requests are counted by route and backend, in either result", async (context) => {
  const upstream = await RawUpstream.echo(context);
  const split = {
    match: { prefix: "/items" },
    name: "HTTPRoute/shop/items/rule/0/match/0",
    route: {
      weighted_clusters: {
        clusters: [
          { name: "v1", weight: 1 },
          { name: "v2", weight: 1 },
        ],
      },
    },
  };
  const routes = [
    split,
    { ...routeTo("nowhere", {}, { prefix: "/nowhere" }), name: "broken" },
    { match: { prefix: "/own" }, name: "own", direct_response: { status: 404 } },
    routeTo("v1"),
  ];
  const clusters = [
    { name: "v1", endpoints: [upstream.port], fields: ISTIO("items-v1.shop", "items-v1") },
    { name: "v2", endpoints: [upstream.port], fields: ISTIO("items-v2.shop", "items-v2") },
    { name: "nowhere", endpoints: [], fields: ISTIO("gone.shop", "gone") },
  ];
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes }], clusters, { node: NODE }),
  );
  const client = await connected(context, proxy.port());
  for (const path of [
    ...Array.from({ length: 20 }, () => "/items"),
    "/nowhere",
    "/own",
    "/other",
  ]) {
    client.get(path);
    await client.response();
  }
  const count = (...texts: readonly string[]): number =>
    proxy.metric("tulle_route_requests_total", ...texts);
  const route = 'route="HTTPRoute/shop/items/rule/0/match/0"';
  assert.equal(count(route, 'response_code_class="2xx"'), 20);
  for (const version of ["v1", "v2"]) {
    const name = `destination_service_name="items-${version}"`;
    const share = count(
      route,
      `backend="${version}"`,
      name,
      'destination_service_namespace="shop"',
    );
    assert.ok(share > 0 && share < 20, `${version}: ${share}`);
    assert.equal(
      proxy.metric("tulle_route_request_duration_seconds_count", route, `backend="${version}"`),
      share,
    );
  }
  assert.equal(count('route="broken"', 'backend="nowhere"', 'response_code_class="5xx"'), 1);
  assert.equal(count('route="own"', 'backend="none"', 'response_code_class="4xx"'), 1);
  // A route without a name is told by nobody.
  assert.equal(count(), 22);
  const graph = (name: string, server: string): number =>
    proxy.metric(`traces_service_graph_request_${name}`, 'client="cart"', `server="${server}"`);
  assert.equal(graph("failed_total", "gone"), 1);
  assert.equal(graph("total", "items-v1") + graph("total", "items-v2"), 21);
  assert.equal(graph("client_seconds_count", "items-v1"), graph("total", "items-v1"));
});

test("messages of a gRPC stream are counted while it lives", async (context) => {
  let onArrived = (_: UpstreamConnection): void => {};
  const arrived = new Promise<UpstreamConnection>((resolve) => {
    onArrived = resolve;
  });
  const upstream = await RawUpstream.start(context, { onHead: (_, from) => onArrived(from) });
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [upstream.port] }]),
  );
  const client = await connected(context, proxy.port());
  const messages = (of: "request" | "response"): number =>
    proxy.metric(`istio_${of}_messages_total`, 'reporter="source"');
  client.send(
    "POST /a.B/C HTTP/1.1\r\nHost: app\r\nContent-Type: application/grpc\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  client.send(chunk(MESSAGE + MESSAGE.slice(0, 3)));
  const exchange = await arrived;
  exchange.send(
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  exchange.send(chunk(MESSAGE + MESSAGE + MESSAGE));
  await client.text(/(?:abc.*){3}/s);
  assert.deepEqual([messages("request"), messages("response")], [1, 3]);
  client.send(`${chunk(MESSAGE.slice(3))}0\r\n\r\n`);
  exchange.send(`${chunk(MESSAGE)}0\r\ngrpc-status: 0\r\n\r\n`);
  await client.response();
  assert.deepEqual([messages("request"), messages("response")], [2, 4]);
  assert.equal(proxy.metric("istio_requests_total", 'grpc_response_status="0"'), 1);
});

test("the trace of a sampled request is the exemplar of its latency's bucket", async (context) => {
  const upstream = await RawUpstream.echo(context);
  const provider = {
    name: "envoy.tracers.opentelemetry",
    typed_config: {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      grpc_service: { envoy_grpc: { cluster_name: "app" } },
    },
  };
  const bootstrap = bootstrapOf(
    [{ routes: "app", manager: { tracing: { provider, random_sampling: { value: 0 } } } }],
    [{ name: "app", endpoints: [upstream.port] }],
  );
  const proxy = await ProxyFixture.start(context, bootstrap);
  const client = await connected(context, proxy.port());
  const trace = (digit: string, flags: string): string =>
    `traceparent: 00-${digit.repeat(32)}-${"b".repeat(16)}-${flags}`;
  const exemplars = (): readonly string[] =>
    openMetricsText(snapshotOf(proxy.registry.families()))
      .split("\n")
      .filter((line) => line.includes(" # {"));
  client.get("/", [trace("c", "00")]);
  await client.response();
  assert.deepEqual(exemplars(), []);
  client.get("/", [trace("a", "01")]);
  await client.response();
  const [line = "", ...more] = exemplars();
  assert.deepEqual(more, []);
  const id = "a".repeat(32);
  assert.match(line, /^istio_request_duration_milliseconds_bucket\{/);
  assert.match(
    line,
    new RegExp(` # \\{trace_id="${id}",span_id="[0-9a-f]{16}"\\} \\d+\\.0 \\d+\\.\\d{3}$`),
  );
  // The next request of the connection has a trace of its own, or none.
  client.get("/", [trace("d", "00")]);
  await client.response();
  assert.match(exemplars()[0] ?? "", new RegExp(id));
});

test("series of who has gone silent are given up, and begin anew", async (context) => {
  const clock = new ManualClock();
  const upstream = await RawUpstream.echo(context);
  const bootstrap = bootstrapOf(
    [{ routes: [{ ...routeTo("app"), name: "all" }] }],
    [{ name: "app", endpoints: [upstream.port] }],
  );
  const proxy = await ProxyFixture.start(context, bootstrap, { clock });
  const ask = async (): Promise<void> => {
    const client = await RawClient.connect(proxy.port());
    client.get();
    await client.response();
    client.close();
  };
  await ask();
  await ask();
  const families = [
    "istio_requests_total",
    "istio_request_duration_milliseconds_count",
    "tulle_route_requests_total",
    "tulle_route_request_duration_seconds_count",
    "traces_service_graph_request_total",
  ];
  for (const name of families) assert.equal(proxy.metric(name), 2, name);
  clock.advance(METRIC_IDLE_MS + 2 * METRIC_EXPIRY_INTERVAL_MS);
  for (const name of families) assert.equal(proxy.metric(name), 0, name);
  await ask();
  for (const name of families) assert.equal(proxy.metric(name), 1, name);
});

test("the app's CPU and memory are told, of the process whose pid the file has, and its children", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-app-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "app.pid");
  const work =
    "const t = process.cpuUsage(); while (process.cpuUsage(t).user < 300000); console.log('done');";
  const app = spawn(
    "/bin/sh",
    ["-c", `"$0" -e "${work} setInterval(() => {}, 1000)"; true`, process.execPath],
    {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    },
  );
  const end = (): void => {
    if (app.pid !== undefined && app.exitCode === null) process.kill(-app.pid, "SIGKILL");
  };
  context.after(end);
  await once(app.stdout!, "data");
  writeFileSync(file, `${app.pid}\n`);
  const node = { ...NODE, metadata: { ...NODE.metadata, APP_PID_FILE: file } };
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [1] }], { node }),
  );
  const read = async (name: string): Promise<number> => {
    const page = parsePrometheus((await proxy.admin("/metrics")).body);
    return page.get(name)?.samples[0]?.value ?? -1;
  };
  assert.ok((await read("tulle_app_cpu_seconds_total")) >= 0.3);
  assert.ok((await read("tulle_app_resident_memory_bytes")) > 10_000_000);
  assert.ok((await read("process_start_time_seconds")) > Date.now() / 1000 - 600);
  assert.ok((await read("tulle_event_loop_lag_seconds")) >= 0);
  const exited = once(app, "exit");
  end();
  await exited;
  assert.equal(await read("tulle_app_resident_memory_bytes"), 0);
  assert.ok((await read("tulle_app_cpu_seconds_total")) >= 0.3);
  const { body } = await proxy.admin("/stats/prometheus", "GET", {
    accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  });
  assert.match(body, /^# TYPE process_cpu_seconds counter$/m);
  assert.match(body, /^# EOF\n$/m);
});
