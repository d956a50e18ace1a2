/** `/clusters`: endpoints with their health, load and connections, in Envoy's text and JSON shapes. */
import { HEALTH_FLAG, healthFlagsText } from "../health/health-flags.ts";
import type { ClusterStatus, EndpointStatus } from "./proxy-status.ts";

export function clustersText(clusters: readonly ClusterStatus[]): string {
  return clusters.map(clusterText).join("");
}

function clusterText(cluster: ClusterStatus): string {
  const lines = cluster.endpoints.flatMap((endpoint) => {
    const prefix = `${cluster.name}::${endpoint.key}`;
    return [
      `${prefix}::cx_active::${endpoint.connectionCount}`,
      `${prefix}::cx_connect_fail::${endpoint.connectFailures}`,
      `${prefix}::rq_active::${endpoint.activeRequests}`,
      `${prefix}::rq_total::${endpoint.requestsTotal}`,
      `${prefix}::health_flags::${healthFlagsText(endpoint.healthFlags)}`,
      `${prefix}::weight::${endpoint.weight}`,
      `${prefix}::priority::${endpoint.priority}`,
      `${prefix}::zone::${endpoint.zone}`,
      `${prefix}::latency_ewma_ms::${endpoint.ewmaMs.toFixed(3)}`,
      ...(endpoint.isInSubset === undefined
        ? []
        : [`${prefix}::in_subset::${endpoint.isInSubset}`]),
    ];
  });
  return [`${cluster.name}::endpoints::${cluster.endpoints.length}`, ...lines]
    .map((line) => `${line}\n`)
    .join("");
}

export function clustersJson(clusters: readonly ClusterStatus[]): unknown {
  return {
    cluster_statuses: clusters.map(({ name, endpoints }) => ({
      name,
      host_statuses: endpoints.map(endpointJson),
    })),
  };
}

function endpointJson(endpoint: EndpointStatus): unknown {
  const { host, port, weight, priority, zone, healthFlags, workload, isInSubset } = endpoint;
  return {
    address: { socket_address: { address: host, port_value: port } },
    health_status: healthJson(healthFlags),
    weight,
    priority,
    locality: { zone },
    workload,
    in_subset: isInSubset,
    stats: [
      { name: "cx_active", value: endpoint.connectionCount, type: "GAUGE" },
      { name: "cx_connect_fail", value: endpoint.connectFailures },
      { name: "rq_active", value: endpoint.activeRequests, type: "GAUGE" },
      { name: "rq_total", value: endpoint.requestsTotal },
    ],
  };
}

/** Envoy's HostHealthStatus, which has what is true alone. */
function healthJson(flags: number): unknown {
  const has = (flag: number): true | undefined => ((flags & flag) === 0 ? undefined : true);
  return {
    failed_active_health_check: has(HEALTH_FLAG.failedActiveCheck),
    failed_outlier_check: has(HEALTH_FLAG.failedOutlierCheck),
    failed_active_degraded_check: has(HEALTH_FLAG.degradedActiveCheck),
    pending_active_hc: has(HEALTH_FLAG.pendingActiveCheck),
    active_hc_timeout: has(HEALTH_FLAG.activeCheckTimeout),
    eds_health_status: edsStatus(flags),
  };
}

function edsStatus(flags: number): string {
  if ((flags & HEALTH_FLAG.draining) !== 0) return "DRAINING";
  if ((flags & HEALTH_FLAG.failedEds) !== 0) return "UNHEALTHY";
  return (flags & HEALTH_FLAG.degradedEds) !== 0 ? "DEGRADED" : "HEALTHY";
}
