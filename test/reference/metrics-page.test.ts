/** `docs/reference/metrics.md`: every metric of the sidecar and the control plane, and the access log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { METRIC_IDLE_MS, METRIC_SERIES_MAX } from "../../src/core/limits.ts";
import { FORMAT_OPERATORS } from "../../src/core/substitution-format.ts";
import { ISTIO_JSON_FORMAT } from "../../src/telemetry/access-log/istio-format.ts";
import { jsonLineFormat } from "../../src/telemetry/access-log/line-format.ts";
import { BYTE_BOUNDS, DEFAULT_BOUNDS } from "../../src/telemetry/histogram.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import {
  RequestMetrics,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
} from "../../src/telemetry/request-metrics.ts";
import { SAMPLE_ENTRY } from "../support/access-log-sample.ts";
import {
  declarationCount,
  type MetricDeclaration,
  metricDeclarations,
} from "./metric-declarations.ts";
import { checkPage, code, table } from "./reference-page.ts";

const ROUTE_LABELS = [
  "destination_service_name",
  "destination_service_namespace",
  "route",
  "backend",
] as const;
const GRAPH_LABELS = ["client", "server", "client_namespace", "server_namespace"] as const;

/** Labels by metric; metrics that are not here have none. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  istio_build: ["component", "tag"],
  tulle_downstream_connections_total: ["listener", "protocol"],
  tulle_downstream_connections_refused_total: ["reason"],
  tulle_xds_updates_total: ["type"],
  tulle_xds_rejections_total: ["type"],
  tulle_upstream_connections_active: ["cluster"],
  tulle_upstream_connect_failures_total: ["cluster", "reason"],
  tulle_upstream_retries_total: ["cluster"],
  tulle_upstream_overflows_total: ["cluster"],
  tulle_upstream_hedges_total: ["cluster"],
  tulle_upstream_retries_exhausted_total: ["cluster"],
  tulle_upstream_retry_overflows_total: ["cluster"],
  tulle_upstream_retry_successes_total: ["cluster"],
  tulle_upstream_timeouts_total: ["cluster"],
  tulle_upstream_try_timeouts_total: ["cluster"],
  tulle_admission_concurrency_limit: ["listener", "chain"],
  tulle_admission_base_latency_milliseconds: ["listener", "chain"],
  tulle_circuit_breaker_open: ["cluster", "priority", "resource"],
  tulle_circuit_breaker_remaining: ["cluster", "priority", "resource"],
  tulle_mirrored_requests_total: ["result"],
  tulle_worker_up: ["worker"],
  tulle_metrics_dropped_series_total: ["family"],
  tulle_metrics_pushes_total: ["result"],
  tulle_outlier_endpoint_ejected: ["cluster", "endpoint"],
  tulle_retry_budget_remaining: ["cluster"],
  tulle_route_requests_total: [...ROUTE_LABELS, "response_code_class"],
  tulle_route_request_duration_seconds: ROUTE_LABELS,
  traces_service_graph_request_total: GRAPH_LABELS,
  traces_service_graph_request_failed_total: GRAPH_LABELS,
  traces_service_graph_request_server_seconds: GRAPH_LABELS,
  traces_service_graph_request_client_seconds: GRAPH_LABELS,
  pilot_xds_config_size_bytes: ["type"],
  pilot_k8s_cfg_events: ["type", "event"],
  galley_validation_passed: ["kind"],
  galley_validation_failed: ["kind"],
  tulle_access_log_lines_dropped_total: ["path"],
  pilot_xds_pushes: ["type"],
  pilot_total_xds_rejects: ["type"],
  pilot_push_triggers: ["type"],
  tulle_instances: ["state"],
  tulle_findings: ["severity"],
  tulle_rollouts: ["phase"],
  tulle_rollout_events_total: ["reason"],
};

const REQUEST_METRICS = /^istio_(?:requests_total|request_|response_)/;
const TCP_METRICS = /^istio_tcp_/;

/** What a metric is about, which is the section that it stands in. */
type Subject = "requests" | "tcp" | "rest";

function subjectOf(name: string): Subject {
  if (TCP_METRICS.test(name)) return "tcp";
  return REQUEST_METRICS.test(name) ? "requests" : "rest";
}

const declarations = metricDeclarations();

function rows(component: MetricDeclaration["component"], subject: Subject): string[][] {
  return declarations
    .filter(({ name, component: own }) => own === component && subjectOf(name) === subject)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help }) => {
      const labels = (LABELS[name] ?? []).map(code).join(", ");
      return subject === "rest" ? [code(name), type, labels, help] : [code(name), type, help];
    });
}

function requestLabels(): readonly string[] {
  const registry = new MetricRegistry();
  new RequestMetrics(registry).series({
    reporter: "source",
    source: UNKNOWN_WORKLOAD,
    destination: UNKNOWN_WORKLOAD,
    service: UNKNOWN_SERVICE,
    protocol: "http",
    responseCode: 200,
    grpcStatus: 0,
    responseFlags: "-",
    securityPolicy: "unknown",
  });
  const family = registry.families().find(({ name }) => name === "istio_requests_total");
  const [series] = [...(family?.series.values() ?? [])];
  return Object.keys(series?.labels ?? {});
}

function wrapped(items: readonly string[]): string {
  return items.map(code).join(", ");
}

function defaultLine(): string {
  const options = { omitsEmpty: false, surroundings: { environment: {}, hostname: "" } };
  return jsonLineFormat(ISTIO_JSON_FORMAT, options, () => {})(SAMPLE_ENTRY);
}

function metricsPage(): string {
  const header = ["Metric", "Type", "Labels", "Meaning"];
  const line = JSON.parse(defaultLine()) as Record<string, unknown>;
  return `# Metrics and access logs

A sidecar has its metrics at \`/metrics\` (and \`/stats/prometheus\`) of its admin port, the control plane at \`/metrics\`
of its admin API, both in the Prometheus text format, or in OpenMetrics, with exemplars, for those who ask for it. Sidecars push the
same figures to the control plane over OTLP ([guide](../guides/metrics.md)). Names and labels of requests are Istio's, so that its dashboards
work. This page is written from the declarations in the sources.

A family has at most ${METRIC_SERIES_MAX} series. Requests of further label sets are counted in one series whose labels
all say \`overflow\`, so that no peer can make a proxy grow. Series of requests, routes and connections that have not changed for
${METRIC_IDLE_MS / 60_000} minutes are given up.

## Requests

Each request is counted once by the caller's sidecar (\`reporter="source"\`) and once by the sidecar of the service
(\`reporter="destination"\`), when it ends.

${table(["Metric", "Type", "Meaning"], rows("sidecar", "requests"))}

Labels: ${wrapped(requestLabels())}. What is not known is \`unknown\`. \`response_code\` is 0 when no response was sent;
\`grpc_response_status\` is there for requests of gRPC (\`request_protocol="grpc"\`), from trailers or from a head without a body;
\`response_flags\` are described in [errors.md](errors.md); \`connection_security_policy\` is known to the destination alone.

The families of messages have the labels of the two ends alone, from \`reporter\` to \`destination_cluster\`.

Bounds of durations, in milliseconds: ${DEFAULT_BOUNDS.join(", ")}; of sizes, in bytes: ${BYTE_BOUNDS.join(", ")}.

## TCP connections

Each connection of a TCP listener is counted by both sidecars as well, with the labels of requests but for \`response_code\`
and \`grpc_response_status\`; \`request_protocol\` is \`tcp\`. \`sent\` and \`received\` are as Istio has them: what the
server sent and received. Bytes count while they flow.

${table(["Metric", "Type", "Meaning"], rows("sidecar", "tcp"))}

## Sidecar

${table(header, rows("sidecar", "rest"))}

## Control plane

${table(header, rows("control plane", "rest"))}

## Access logs

A listener's access logs are configured as in Envoy (\`access_log\` with a file or standard output), in JSON or in text.
Lines are written in batches, every second at the latest. A file that is slow or broken never slows traffic: lines that
find no room are dropped and counted in \`tulle_access_log_lines_dropped_total\`.

Without a format a line is a JSON object with Istio's keys and three of ours at the end, as in
(broken into lines here):

\`\`\`json
${JSON.stringify(line, null, 2)}
\`\`\`

Formats of your own, filters and what is never written: [guide](../guides/logs.md). Operators: ${wrapped(FORMAT_OPERATORS)}.
\`REQ\`, \`RESP\` and \`TRAILER\` take the name of a field, or two with \`?\` between them; \`START_TIME\` and \`EMIT_TIME\` a
format of strftime; \`PATH\` takes \`NQ\` for a path without query; \`GRPC_STATUS\` \`CAMEL_STRING\`, \`SNAKE_STRING\` or
\`NUMBER\`; \`METADATA\` \`CLUSTER:istio:services\` or \`DYNAMIC:filter:key\`. \`%PATH:20%\` is cut to 20 characters, and
\`%%\` is a percent sign. A value that is missing is \`null\` in JSON and \`-\` in text. \`UPSTREAM_LOCAL_ADDRESS\` is
always missing.
`;
}

test("metrics.md lists every metric that the sources declare", () => {
  checkPage("metrics.md", metricsPage());
});

test("every declaration in the sources was read, and each name once", () => {
  assert.equal(declarations.length, declarationCount());
  const names = declarations.map(({ name, component }) => `${component} ${name}`);
  assert.equal(new Set(names).size, names.length);
});

test("labels are told for metrics that exist", () => {
  const known = new Set(declarations.map(({ name }) => name));
  assert.deepEqual(
    Object.keys(LABELS).filter((name) => !known.has(name)),
    [],
  );
});
