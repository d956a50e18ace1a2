/** Istio's metrics: names, labels, and what one request adds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";
import { MetricRegistry } from "./metric-registry.ts";
import {
  type RequestLabels,
  RequestMetrics,
  recordRequest,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
} from "./request-metrics.ts";

const labels: RequestLabels = {
  reporter: "source",
  source: { ...UNKNOWN_WORKLOAD, workload: "cart-v1", app: "cart", version: "v1" },
  destination: { ...UNKNOWN_WORKLOAD, workload: "catalog-v2", principal: "spiffe://a/ns/b/sa/c" },
  service: { host: "catalog.default.svc.tulle.local", name: "catalog", namespace: "default" },
  protocol: "http",
  responseCode: 503,
  grpcStatus: -1,
  responseFlags: "UF",
  securityPolicy: "mutual_tls",
};

test("a request is counted once in each family, under Istio's labels in Istio's order", () => {
  const registry = new MetricRegistry();
  const metrics = new RequestMetrics(registry);
  const series = metrics.series(labels);
  recordRequest(series, 12.4, 300, 4_000);
  const families = registry.families().filter(({ name }) => name.startsWith("istio_"));
  assert.deepEqual(
    families.map(({ name }) => name),
    [
      "istio_request_bytes",
      "istio_request_duration_milliseconds",
      "istio_requests_total",
      "istio_response_bytes",
    ],
  );
  for (const family of families) {
    const [only] = [...family.series.values()];
    assert.deepEqual(Object.keys(only?.labels ?? {}), [
      "reporter",
      "source_workload",
      "source_canonical_service",
      "source_canonical_revision",
      "source_workload_namespace",
      "source_principal",
      "source_app",
      "source_version",
      "source_cluster",
      "destination_workload",
      "destination_workload_namespace",
      "destination_principal",
      "destination_app",
      "destination_version",
      "destination_service",
      "destination_canonical_service",
      "destination_canonical_revision",
      "destination_service_name",
      "destination_service_namespace",
      "destination_cluster",
      "request_protocol",
      "response_code",
      "response_flags",
      "connection_security_policy",
    ]);
    assert.equal(only?.labels["response_code"], "503");
    assert.equal(only?.labels["source_cluster"], "unknown");
  }
  assert.equal(series.requests.value, 1);
  assert.equal(series.duration.sum, 12);
  assert.equal(series.requestBytes.sum, 300);
  assert.equal(series.responseBytes.sum, 4_000);
});

test("only gRPC has a status of its own, behind the status of HTTP", () => {
  const registry = new MetricRegistry();
  new RequestMetrics(registry).series({ ...labels, protocol: "grpc", grpcStatus: 0 });
  const [series] = registry.families()[0]?.series.values() ?? [];
  assert.equal(series?.labels["grpc_response_status"], "0");
  const names = Object.keys(series?.labels ?? {});
  assert.equal(names.indexOf("grpc_response_status"), names.indexOf("response_code") + 1);
});

test("the same labels give the same series", () => {
  const metrics = new RequestMetrics(new MetricRegistry());
  const again = { ...labels, service: { ...labels.service } };
  assert.equal(metrics.series(labels).requests, metrics.series(again).requests);
  const other = metrics.series({ ...labels, service: UNKNOWN_SERVICE });
  assert.notEqual(other.requests, metrics.series(labels).requests);
});

function graphOf(registry: MetricRegistry): Readonly<Record<string, number>> {
  const families = registry.families().filter(({ name }) => name.startsWith("traces_"));
  return Object.fromEntries(
    families.flatMap(({ name, series }) =>
      [...series.values()].map(({ labels: { client, server }, metric }) => [
        `${name.slice("traces_service_graph_request_".length)} ${client}>${server}`,
        metric instanceof Histogram ? metric.count : metric.value,
      ]),
    ),
  );
}

test("an edge of the service graph is counted once: by the caller, or for strangers by the server", () => {
  const registry = new MetricRegistry();
  const metrics = new RequestMetrics(registry);
  const source = { ...UNKNOWN_WORKLOAD, canonicalService: "cart" };
  const record = (changes: Partial<RequestLabels>): void => {
    recordRequest(metrics.series({ ...labels, responseCode: 200, ...changes }), 12.4, 1, 1);
  };
  record({ source });
  record({ source, responseCode: 503 });
  record({ source, responseCode: 0 });
  record({ source, protocol: "grpc", grpcStatus: 5 });
  record({ source, responseCode: 404 });
  record({ source, reporter: "destination" });
  record({ source: UNKNOWN_WORKLOAD, reporter: "destination" });
  assert.deepEqual(graphOf(registry), {
    "client_seconds cart>catalog": 5,
    "failed_total cart>catalog": 3,
    "failed_total user>catalog": 0,
    "server_seconds cart>catalog": 1,
    "server_seconds user>catalog": 1,
    "total cart>catalog": 5,
    "total user>catalog": 1,
  });
});

test("seconds fall into the buckets of their milliseconds", () => {
  const registry = new MetricRegistry();
  const series = new RequestMetrics(registry).series(labels);
  for (const ms of [0, 0.6, 5.4, 30, 9_000_000]) recordRequest(series, ms, 1, 1);
  assert.deepEqual(series.graph.seconds.counts, series.duration.counts);
  assert.equal(series.graph.seconds.sum, 9_000.036);
  const again = new Histogram(series.graph.seconds.bounds);
  for (const seconds of [0, 0.001, 0.005, 0.03, 9_000]) again.observe(seconds);
  assert.deepEqual(again.counts, series.duration.counts);
});
