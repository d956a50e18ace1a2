/** What the proxy says of itself: its own answers, access log lines, metrics. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { type LogLine, ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
} from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

function logTo(file: string): JsonObject {
  return {
    access_log: [
      {
        name: "file",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
          path: file,
        },
      },
    ],
  };
}

/** The lines of a log that is complete after this many of them. */
async function linesOf(file: string, count: number): Promise<LogLine[]> {
  for (;;) {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    if (lines.length >= count) return lines.map((line) => JSON.parse(line));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tulle-telemetry-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

interface Refusal {
  readonly request: string;
  readonly status: number;
  readonly flag: string;
  readonly details: string;
  readonly says: RegExp;
  readonly routed?: boolean;
}

const JSON_CLIENT = "Accept: application/json\r\n";

const REFUSALS: readonly Refusal[] = [
  {
    request: `GET /nowhere HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 404,
    flag: "NR",
    details: "route_not_found",
    says: /no route matches/,
  },
  {
    request: `GET /missing HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 503,
    flag: "NC",
    details: "cluster_not_found",
    says: /does not have: missing/,
  },
  {
    request: `GET /empty HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 503,
    flag: "UH",
    details: "no_healthy_upstream",
    says: /no instance that can take the request: empty/,
  },
  {
    request: `GET /full HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 503,
    flag: "UO",
    details: "upstream_reset_before_response_started{overflow}",
    says: /circuit breaker.*: full/,
  },
  {
    request: `GET /dead HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 503,
    flag: "UF",
    details: "upstream_reset_before_response_started{connection_failure}",
    says: /connection refused/,
  },
  {
    request: `GET /hang-up HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 503,
    flag: "UC",
    details: "upstream_reset_before_response_started{connection_termination}",
    says: /before it answered/,
  },
  {
    request: `GET /garbage HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 502,
    flag: "UPE",
    details: "upstream_reset_before_response_started{protocol_error}",
    says: /breaks its protocol: the status line/,
  },
  {
    request: `GET /%00 HTTP/1.1\r\nHost: app\r\n${JSON_CLIENT}\r\n`,
    status: 400,
    flag: "-",
    details: "path_normalization_failed",
    says: /canonical form/,
  },
  {
    request: `GET / HTTP/1.1\r\nHost: app\r\nConnection: upgrade\r\nUpgrade: foo\r\n${JSON_CLIENT}\r\n`,
    status: 403,
    flag: "-",
    details: "upgrade_failed",
    says: /nor the listener allows this protocol upgrade; see upgrade_configs: foo/,
  },
  {
    request: "GET / HTTP/1.1\r\n\r\n",
    status: 400,
    flag: "DPE",
    details: "http1.codec_error",
    says: /breaks HTTP\/1\.1: Host is missing.*\(host_invalid\)/,
  },
];

test("every answer of the proxy's own says why, in body, flag, details and log", async (context) => {
  const file = join(temporaryFolder(context), "access.log");
  const app = await RawUpstream.start(context, {
    onRequest: ({ target, connection }) => {
      if (target === "/garbage") connection.send("what?\r\n\r\n");
      else connection.socket.end();
    },
  });
  const to = (path: string, cluster: string): JsonObject =>
    routeTo(cluster, {}, { path: `/${path}` });
  const routes = [
    ...["missing", "empty", "full", "dead"].map((name) => to(name, name)),
    to("hang-up", "app"),
    to("garbage", "app"),
  ];
  const none = { circuit_breakers: { thresholds: [{ max_requests: 0 }] } };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes, manager: { ...logTo(file), normalize_path: true } }],
      [
        { name: "app", endpoints: [app.port] },
        { name: "empty", endpoints: [] },
        { name: "full", endpoints: [app.port], fields: none },
        { name: "dead", endpoints: [1] },
      ],
    ),
  );
  for (const { request, status, flag, details, says } of REFUSALS) {
    const client = await RawClient.connect(proxy.port());
    client.send(request);
    const response = await client.response();
    client.close();
    assert.equal(response.status, status, request);
    assert.match(response.body, says);
    const isJson = request.includes(JSON_CLIENT);
    assert.equal(headerOf(response, "content-type"), isJson ? "application/json" : "text/plain");
    if (isJson) {
      const { message, ...rest } = JSON.parse(response.body);
      assert.match(message, says);
      assert.deepEqual(rest, { status, flag, details });
    }
  }
  await proxy.dataPlane.stop();
  const lines = await linesOf(file, REFUSALS.length);
  assert.deepEqual(
    lines.map((line) => [
      line["response_code"],
      line["response_flags"],
      line["response_code_details"],
    ]),
    REFUSALS.map(({ status, flag, details }) => [status, flag, details]),
  );
  for (const { flag } of REFUSALS) {
    assert.ok(proxy.metric("istio_requests_total", `response_flags="${flag}"`) > 0, flag);
  }
});

test("an access log line holds the request, the answer and the way between", async (context) => {
  const file = join(temporaryFolder(context), "access.log");
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [
        {
          routes: [
            {
              name: "the-route",
              ...routeTo("app", { prefix_rewrite: "/new" }, { prefix: "/old" }),
            },
          ],
          manager: logTo(file),
        },
      ],
      [{ name: "app", endpoints: [app.port] }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  const port = (client.socket.address() as { port: number }).port;
  client.send(
    "POST /old?q=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: test\r\nX-Request-Id: id-1\r\nContent-Length: 3\r\n\r\nabc",
  );
  const response = await client.response();
  client.close();
  await proxy.dataPlane.stop();
  const [line] = await linesOf(file, 1);
  const { start_time, duration, upstream_service_time, bytes_received, bytes_sent, ...rest } =
    line ?? {};
  assert.match(String(start_time), /^\d{4}-\d\d-\d\dT/);
  assert.equal(typeof duration, "number");
  assert.equal(typeof upstream_service_time, "number");
  // As in Envoy, bodies alone.
  assert.equal(bytes_received, "abc".length);
  assert.equal(bytes_sent, response.body.length);
  assert.deepEqual(rest, {
    route_name: "the-route",
    method: "POST",
    path: "/old?q=1",
    protocol: "HTTP/1.1",
    response_code: 200,
    response_flags: "-",
    response_code_details: "via_upstream",
    connection_termination_details: null,
    x_forwarded_for: null,
    user_agent: "test",
    request_id: "id-1",
    authority: "shop",
    upstream_host: `127.0.0.1:${app.port}`,
    upstream_cluster: "app",
    upstream_local_address: null,
    downstream_local_address: `127.0.0.1:${proxy.port()}`,
    downstream_remote_address: `127.0.0.1:${port}`,
    requested_server_name: null,
    upstream_transport_failure_reason: null,
    attempts: 1,
    source_principal: null,
    traceparent: null,
  });
});

const NODE = {
  node: {
    id: "web-1",
    cluster: "web",
    metadata: {
      WORKLOAD: "web-v1",
      SERVICE: "web",
      NAMESPACE: "shop",
      CLUSTER_ID: "laptop",
      LABELS: { app: "web-app", version: "v1" },
    },
  },
};

function labelsOf(line: string | undefined): Record<string, string> {
  const pairs = [...(line ?? "").matchAll(/(\w+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]));
}

function service(name: string): JsonObject {
  const host = `${name}.shop.svc.mesh.test`;
  return {
    metadata: { filter_metadata: { istio: { services: [{ host, name, namespace: "shop" }] } } },
  };
}

test("the caller's side reports with Istio's names and labels", async (context) => {
  const app = await RawUpstream.echo(context);
  const endpoint: JsonObject = {
    endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: app.port } } },
    metadata: {
      filter_metadata: { istio: { workload: "catalog-v2;shop;catalog;v2;laptop" } },
    },
  };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("catalog", {}, { path: "/c" }), routeTo("orders")] }],
      [
        { name: "catalog", endpoints: [endpoint], fields: service("catalog") },
        { name: "orders", endpoints: [], fields: service("orders") },
        { name: "payments", endpoints: [], fields: service("payments") },
      ],
      NODE,
    ),
  );
  const client = await RawClient.connect(proxy.port());
  await client.get("/c").response();
  assert.equal((await client.get("/o").response()).status, 503);
  client.close();
  assert.deepEqual(labelsOf(proxy.metrics("istio_requests_total{", 'response_code="200"')[0]), {
    reporter: "source",
    source_workload: "web-v1",
    source_canonical_service: "web",
    source_canonical_revision: "v1",
    source_workload_namespace: "shop",
    source_principal: "unknown",
    source_app: "web-app",
    source_version: "v1",
    source_cluster: "laptop",
    destination_workload: "catalog-v2",
    destination_workload_namespace: "shop",
    destination_principal: "unknown",
    destination_app: "catalog",
    destination_version: "v2",
    destination_service: "catalog.shop.svc.mesh.test",
    destination_canonical_service: "catalog",
    destination_canonical_revision: "v2",
    destination_service_name: "catalog",
    destination_service_namespace: "shop",
    destination_cluster: "laptop",
    request_protocol: "http",
    response_code: "200",
    response_flags: "-",
    connection_security_policy: "unknown",
  });
  const failed = labelsOf(proxy.metrics("istio_requests_total{", 'response_code="503"')[0]);
  assert.equal(failed["destination_service_name"], "orders");
  assert.equal(failed["destination_workload"], "unknown");
  for (const family of [
    "istio_request_duration_milliseconds",
    "istio_request_bytes",
    "istio_response_bytes",
  ]) {
    assert.equal(proxy.metric(`${family}_count`), 2, family);
  }
});

test("requests that found no endpoint count for the service that they were for", async (context) => {
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("a", {}, { path: "/a" }), routeTo("b")] }],
      [
        { name: "a", endpoints: [], fields: service("a") },
        { name: "b", endpoints: [], fields: service("b") },
      ],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  for (const path of ["/a", "/b", "/b"]) await client.get(path).response();
  client.close();
  assert.equal(proxy.metric("istio_requests_total", 'destination_service_name="a"'), 1);
  assert.equal(proxy.metric("istio_requests_total", 'destination_service_name="b"'), 2);
});

test("the callee's side reports who it is, and who called", async (context) => {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: "app", direction: "INBOUND", tls: DOWNSTREAM_TLS }],
      [{ name: "app", endpoints: [app.port], fields: service("web") }],
      NODE,
    ),
  );
  const root = rootOf();
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("web")]), [root]);
  for (const account of ["orders", "cart"]) {
    const client = await RawClient.connectTls(proxy.port(), keyPair(root, [idFor(account)]));
    await client.get().response();
    client.close();
  }
  const lines = proxy.metrics("istio_requests_total{").map(labelsOf);
  assert.deepEqual(lines.map((labels) => labels["source_workload"]).sort(), ["cart", "orders"]);
  for (const labels of lines) {
    assert.equal(labels["reporter"], "destination");
    assert.equal(labels["destination_workload"], "web-v1");
    assert.equal(labels["destination_service_name"], "web");
    assert.equal(labels["connection_security_policy"], "mutual_tls");
    assert.equal(labels["source_principal"], idFor(labels["source_workload"] ?? ""));
  }
});

test("another workload at the same address is counted as that", async (context) => {
  const app = await RawUpstream.echo(context);
  const endpoint = (workload: string): JsonObject => ({
    endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: app.port } } },
    metadata: { filter_metadata: { istio: { workload: `${workload};shop;catalog;v1;` } } },
  });
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [endpoint("old")] }]),
  );
  const client = await RawClient.connect(proxy.port());
  await client.get().response();
  const [info] = proxy.dataPlane.clusters.get("app")?.endpoints.map((one) => one.info) ?? [];
  assert.ok(info);
  proxy.dataPlane.setEndpoints("app", [
    { ...info, workload: { ...info.workload, workload: "new" } },
  ]);
  await client.get().response();
  client.close();
  for (const workload of ["old", "new"]) {
    assert.equal(proxy.metric("istio_requests_total", `destination_workload="${workload}"`), 1);
  }
});

test("a cluster that is gone keeps no connections in the metrics", async (context) => {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [app.port] }]),
  );
  const client = await RawClient.connect(proxy.port());
  await client.get().response();
  assert.equal(proxy.metric("tulle_upstream_connections_active", 'cluster="app"'), 1);
  proxy.dataPlane.removeCluster("app");
  assert.equal(proxy.metric("tulle_upstream_connections_active", 'cluster="app"'), 0);
  client.close();
});
