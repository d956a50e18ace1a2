/**
 * Envoy's own names for what is counted anyway, for the boards of other meshes and Kiali's view of a proxy: those that they
 * ask for. Clusters have Envoy's label `envoy_cluster_name`.
 */
import type { Counter } from "../telemetry/counter.ts";
import { DerivedCounter } from "../telemetry/metric-derived.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";
import type { RequestMetrics } from "../telemetry/request-metrics.ts";
import type { RouteMetrics } from "../telemetry/request-metrics-routes.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterCounts } from "./cluster-counts.ts";

export interface EnvoyMetricsOptions {
  readonly registry: MetricRegistry;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly requests: RequestMetrics;
  readonly routes: RouteMetrics;
  readonly connectionCount: () => number;
}

export function registerEnvoyMetrics(options: EnvoyMetricsOptions): void {
  registerServer(options);
  registerClusterCounts(options);
  registerClusterGauges(options);
  registerRequests(options);
}

function registerServer({ registry, connectionCount }: EnvoyMetricsOptions): void {
  const live = registry.gauge("envoy_server_live", "1: this proxy runs.", "max").with({});
  const uptime = registry
    .gauge("envoy_server_uptime", "Seconds since this process was started.", "max")
    .with({});
  const allocated = registry
    .gauge("envoy_server_memory_allocated", "JavaScript heap and buffers in use, in bytes.")
    .with({});
  const heap = registry
    .gauge("envoy_server_memory_heap_size", "Resident memory, in bytes.")
    .with({});
  const connections = registry
    .gauge("envoy_http_downstream_cx_active", "Downstream connections.")
    .with({});
  registry.onCollect(() => {
    const usage = process.memoryUsage();
    live.set(1);
    uptime.set(Math.floor(process.uptime()));
    allocated.set(usage.heapUsed + usage.external);
    heap.set(usage.rss);
    connections.set(connectionCount());
  });
}

function registerClusterCounts({ registry, clusters }: EnvoyMetricsOptions): void {
  const families: readonly (readonly [keyof ClusterCounts, SeriesSource<Counter>])[] = [
    [
      "retries",
      registry.counter("envoy_cluster_upstream_rq_retry", "Requests that were sent again."),
    ],
    [
      "retrySuccesses",
      registry.counter("envoy_cluster_upstream_rq_retry_success", "Retries that were answered."),
    ],
    [
      "retryOverflows",
      registry.counter("envoy_cluster_upstream_rq_retry_overflow", "Retries that were refused."),
    ],
    [
      "timeouts",
      registry.counter("envoy_cluster_upstream_rq_timeout", "Requests that took too long."),
    ],
    [
      "tryTimeouts",
      registry.counter("envoy_cluster_upstream_rq_per_try_timeout", "Tries that took too long."),
    ],
    [
      "overflows",
      registry.counter(
        "envoy_cluster_upstream_rq_pending_overflow",
        "Requests that a circuit breaker turned away.",
      ),
    ],
    [
      "connectFailures",
      registry.counter(
        "envoy_cluster_upstream_cx_connect_fail",
        "Connections that could not be made.",
      ),
    ],
    [
      "connectTimeouts",
      registry.counter(
        "envoy_cluster_upstream_cx_connect_timeout",
        "Connections that took too long to make.",
      ),
    ],
  ];
  registry.onCollect(() => {
    for (const { name, counts } of clusters.values()) {
      for (const [count, family] of families) {
        family.with({ envoy_cluster_name: name }).value = counts[count];
      }
    }
  });
}

function registerClusterGauges({ registry, clusters }: EnvoyMetricsOptions): void {
  const of = {
    connections: registry.gauge("envoy_cluster_upstream_cx_active", "Upstream connections."),
    active: registry.gauge("envoy_cluster_upstream_rq_active", "Requests under way."),
    total: registry.gauge("envoy_cluster_membership_total", "Endpoints.", "max"),
    healthy: registry.gauge("envoy_cluster_membership_healthy", "Healthy endpoints.", "max"),
    ejected: registry.gauge(
      "envoy_cluster_outlier_detection_ejections_active",
      "Endpoints that are ejected.",
      "max",
    ),
    open: registry.gauge(
      "envoy_cluster_circuit_breakers_default_rq_open",
      "1 while the circuit breaker of requests is at its limit.",
      "max",
    ),
    remaining: registry.gauge(
      "envoy_cluster_circuit_breakers_default_remaining_rq",
      "Requests that the circuit breaker still admits.",
    ),
  };
  let told = new Set<string>();
  registry.onCollect(() => {
    for (const name of told) {
      if (clusters.has(name)) continue;
      for (const gauge of Object.values(of)) gauge.with({ envoy_cluster_name: name }).set(0);
    }
    told = new Set(clusters.keys());
    for (const { name, endpoints, connectionCount, breaker, health } of clusters.values()) {
      const labels = { envoy_cluster_name: name };
      const { requests, limits } = breaker;
      of.connections.with(labels).set(connectionCount);
      of.active.with(labels).set(requests);
      of.total.with(labels).set(endpoints.length);
      const count = endpoints.filter((endpoint) => endpoint.health === "healthy").length;
      of.healthy.with(labels).set(count);
      of.ejected.with(labels).set(health?.outliers?.ejectedCount ?? 0);
      of.open.with(labels).set(requests >= limits.requestsMax ? 1 : 0);
      of.remaining.with(labels).set(Math.max(0, limits.requestsMax - requests));
    }
  });
}

function registerRequests({ registry, requests, routes }: EnvoyMetricsOptions): void {
  const clusterOf = (backend: string | undefined): { readonly envoy_cluster_name: string } => ({
    envoy_cluster_name: backend ?? "",
  });
  const derived = [
    new DerivedCounter(
      routes.requests,
      registry.counter("envoy_cluster_upstream_rq_total", "Requests of the app, by cluster."),
      ({ backend }) => (backend === "none" ? undefined : clusterOf(backend)),
    ),
    new DerivedCounter(
      routes.requests,
      registry.counter("envoy_cluster_upstream_rq_xx", "The same by class of their answers."),
      ({ backend, response_code_class: of = "" }) =>
        backend === "none" || !/^[1-5]xx$/.test(of)
          ? undefined
          : { ...clusterOf(backend), envoy_response_code_class: of.slice(0, 1) },
    ),
    new DerivedCounter(
      requests.requests,
      registry.counter("envoy_http_downstream_rq_total", "Requests, by direction."),
      ({ reporter }) => ({ envoy_http_conn_manager_prefix: prefixOf(reporter) }),
    ),
    new DerivedCounter(
      requests.requests,
      registry.counter("envoy_http_downstream_rq_xx", "The same by class of their answers."),
      ({ reporter, response_code: code = "0" }) => ({
        envoy_http_conn_manager_prefix: prefixOf(reporter),
        envoy_response_code_class: code.length === 3 ? code.slice(0, 1) : "5",
      }),
    ),
  ];
  registry.onCollect(() => {
    for (const one of derived) one.update();
  });
}

function prefixOf(reporter: string | undefined): string {
  return reporter === "destination" ? "inbound" : "outbound";
}
