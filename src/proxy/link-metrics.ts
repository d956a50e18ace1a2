/** State of the link to the control plane and of this workload's certificate, as metrics. */
import { LIFE_ALARMS } from "../identity/life-alarms.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import { shortTypeName } from "../xds/type-urls.ts";
import { registerCircuitMetrics } from "./circuit-metrics.ts";
import { registerConcurrencyGauges } from "./concurrency-gauges.ts";
import type { DataPlane } from "./data-plane.ts";
import { registerHealthMetrics } from "./health/health-metrics.ts";
import type { MeshLink } from "./mesh-link.ts";
import { registerSubsetMetrics } from "./subset-metrics.ts";

/** `nowMs` is wall clock time. */
export function registerLinkMetrics(
  registry: MetricRegistry,
  link: MeshLink,
  nowMs: () => number,
): void {
  const connected = registry
    .gauge("tulle_xds_connected", "1 while the stream to the control plane is up.")
    .with({});
  const updates = registry.counter("tulle_xds_updates_total", "Responses applied, by type.");
  const rejections = registry.counter("tulle_xds_rejections_total", "Responses refused, by type.");
  const expiry = registry.gauge(
    "tulle_certificate_expiry_timestamp_seconds",
    "When this workload's certificate expires.",
  );
  const roots = registry.gauge(
    "tulle_root_expiry_timestamp_seconds",
    "When a root that is trusted expires, by root.",
  );
  const overdue = registry.gauge(
    "tulle_certificate_renewal_overdue",
    "1 when more of this workload's certificate's life is over than the percentage in the label: renewal is at 45 to 55.",
  );
  registerWorkloadApiMetrics(registry, link);
  let shown = new Set<string>();
  registry.onCollect(() => {
    const { state } = link.ads;
    connected.set(state.connected ? 1 : 0);
    for (const [typeUrl, type] of state.types) {
      updates.with({ type: shortTypeName(typeUrl) }).value = type.updates;
      rejections.with({ type: shortTypeName(typeUrl) }).value = type.rejections;
    }
    const status = link.identity?.status;
    if (status?.notAfterMs === undefined || status.notBeforeMs === undefined) return;
    expiry.with({}).set(status.notAfterMs / 1000);
    const lifeMs = status.notAfterMs - status.notBeforeMs;
    for (const part of LIFE_ALARMS) {
      const isOver = nowMs() > status.notBeforeMs + lifeMs * part;
      overdue.with({ percent: String(part * 100) }).set(isOver ? 1 : 0);
    }
    const ids = new Set(status.roots.map(({ id }) => id));
    // A root that is trusted no more must not stay where it was.
    for (const id of shown) if (!ids.has(id)) roots.with({ root: id }).set(0);
    for (const { id, notAfterMs } of status.roots) roots.with({ root: id }).set(notAfterMs / 1000);
    shown = ids;
  });
}

/** All of them are 0 where the Workload API is not served. */
function registerWorkloadApiMetrics(registry: MetricRegistry, link: MeshLink): void {
  const calls = registry.counter(
    "tulle_workload_api_calls_total",
    "Calls of the Workload API and of SDS that ended, by method and gRPC status.",
  );
  const streams = registry.gauge(
    "tulle_workload_api_streams",
    "Streams of the Workload API and of SDS that are open.",
  );
  const expiry = registry.gauge(
    "tulle_workload_api_certificate_expiry_timestamp_seconds",
    "When the certificate expires that the app gets by the Workload API.",
  );
  registry.onCollect(() => {
    const status = link.workloadApi;
    if (status === undefined) return;
    streams.with({}).set(status.streamCount);
    expiry.with({}).set((status.identity.notAfterMs ?? 0) / 1000);
    for (const [method, codes] of status.calls) {
      for (const [code, count] of codes) calls.with({ method, code }).value = count;
    }
  });
}

export function registerClusterMetrics(registry: MetricRegistry, proxy: DataPlane): void {
  registerCircuitMetrics(registry, proxy.clusters);
  registerHealthMetrics(registry, proxy.clusters);
  registerSubsetMetrics(registry, proxy.clusters);
  registerConcurrencyGauges(registry, proxy.listeners);
  const connections = registry.gauge(
    "tulle_upstream_connections_active",
    "Upstream connections, by cluster.",
  );
  const failures = registry.counter(
    "tulle_upstream_connect_failures_total",
    "Upstream connections that could not be made, by cluster and by why: `refused` before TLS, `timeout`, `tls`.",
  );
  const retries = registry.counter(
    "tulle_upstream_retries_total",
    "Requests sent again, by cluster.",
  );
  const overflows = registry.counter(
    "tulle_upstream_overflows_total",
    "Requests and retries that a circuit breaker turned away, by cluster.",
  );
  const downstream = registry
    .gauge("tulle_downstream_connections_active", "Downstream connections.")
    .with({});
  let reported = new Set<string>();
  registry.onCollect(() => {
    downstream.set(proxy.activeConnections);
    // A gauge of a cluster that is gone must not stay where it was.
    for (const name of reported) {
      if (!proxy.clusters.has(name)) connections.with({ cluster: name }).set(0);
    }
    reported = new Set(proxy.clusters.keys());
    for (const cluster of proxy.clusters.values()) {
      const labels = { cluster: cluster.name };
      connections.with(labels).set(cluster.connectionCount);
      const { connectFailures, connectTimeouts, tlsFailures } = cluster.counts;
      const refused = connectFailures - connectTimeouts - tlsFailures;
      failures.with({ ...labels, reason: "refused" }).value = refused;
      failures.with({ ...labels, reason: "timeout" }).value = connectTimeouts;
      failures.with({ ...labels, reason: "tls" }).value = tlsFailures;
      retries.with(labels).value = cluster.counts.retries;
      overflows.with(labels).value = cluster.counts.overflows;
    }
  });
}
