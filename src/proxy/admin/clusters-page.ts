/** `/clusters`: endpoints with their health, load and connections, in Envoy's text and JSON shapes. */
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
      `${prefix}::health_flags::${endpoint.isHealthy ? "healthy" : "/failed_eds_health"}`,
      `${prefix}::weight::${endpoint.weight}`,
      `${prefix}::priority::${endpoint.priority}`,
      `${prefix}::zone::${endpoint.zone}`,
      `${prefix}::latency_ewma_ms::${endpoint.ewmaMs.toFixed(3)}`,
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
  const { host, port, weight, priority, zone, isHealthy, workload } = endpoint;
  return {
    address: { socket_address: { address: host, port_value: port } },
    health_status: { eds_health_status: isHealthy ? "HEALTHY" : "UNHEALTHY" },
    weight,
    priority,
    locality: { zone },
    workload,
    stats: [
      { name: "cx_active", value: endpoint.connectionCount, type: "GAUGE" },
      { name: "cx_connect_fail", value: endpoint.connectFailures },
      { name: "rq_active", value: endpoint.activeRequests, type: "GAUGE" },
      { name: "rq_total", value: endpoint.requestsTotal },
    ],
  };
}
