/** State of the link to the control plane and of this workload's certificate, as metrics. */
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import { shortTypeName } from "../xds/type-urls.ts";
import { registerCircuitMetrics } from "./circuit-metrics.ts";
import type { DataPlane } from "./data-plane.ts";
import { registerHealthMetrics } from "./health/health-metrics.ts";
import type { MeshLink } from "./mesh-link.ts";

export function registerLinkMetrics(registry: MetricRegistry, link: MeshLink): void {
  const connected = registry
    .gauge("tulle_xds_connected", "1 while the stream to the control plane is up.")
    .with({});
  const updates = registry.counter("tulle_xds_updates_total", "Responses applied, by type.");
  const rejections = registry.counter("tulle_xds_rejections_total", "Responses refused, by type.");
  const expiry = registry.gauge(
    "tulle_certificate_expiry_timestamp_seconds",
    "When this workload's certificate expires.",
  );
  registry.onCollect(() => {
    const { state } = link.ads;
    connected.set(state.connected ? 1 : 0);
    for (const [typeUrl, type] of state.types) {
      updates.with({ type: shortTypeName(typeUrl) }).value = type.updates;
      rejections.with({ type: shortTypeName(typeUrl) }).value = type.rejections;
    }
    const notAfterMs = link.identity?.status.notAfterMs;
    if (notAfterMs !== undefined) expiry.with({}).set(notAfterMs / 1000);
  });
}

export function registerClusterMetrics(registry: MetricRegistry, proxy: DataPlane): void {
  registerCircuitMetrics(registry, proxy.clusters);
  registerHealthMetrics(registry, proxy.clusters);
  const connections = registry.gauge(
    "tulle_upstream_connections_active",
    "Upstream connections, by cluster.",
  );
  const failures = registry.counter(
    "tulle_upstream_connect_failures_total",
    "Upstream connections that could not be made, by cluster.",
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
      failures.with(labels).value = cluster.counts.connectFailures;
      retries.with(labels).value = cluster.counts.retries;
      overflows.with(labels).value = cluster.counts.overflows;
    }
  });
}
