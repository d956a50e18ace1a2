/** `/clusters`: endpoints with their health, load and connections, in Envoy's text and JSON shapes. */
import type { Cluster } from "../cluster.ts";
import type { DataPlane } from "../data-plane.ts";
import type { Endpoint } from "../endpoint.ts";

export function clustersText(proxy: DataPlane): string {
  return [...proxy.clusters.values()].map(clusterText).join("");
}

function clusterText(cluster: Cluster): string {
  const lines = cluster.endpoints.flatMap((endpoint) => {
    const prefix = `${cluster.name}::${endpoint.key}`;
    return [
      `${prefix}::cx_active::${endpoint.connectionCount}`,
      `${prefix}::cx_connect_fail::${endpoint.connectFailures}`,
      `${prefix}::rq_active::${endpoint.activeRequests}`,
      `${prefix}::rq_total::${endpoint.requestsTotal}`,
      `${prefix}::health_flags::${endpoint.info.isHealthy ? "healthy" : "/failed_eds_health"}`,
      `${prefix}::weight::${endpoint.info.weight}`,
      `${prefix}::priority::${endpoint.info.priority}`,
      `${prefix}::zone::${endpoint.info.zone}`,
      `${prefix}::latency_ewma_ms::${endpoint.ewmaMs.toFixed(3)}`,
    ];
  });
  return [`${cluster.name}::endpoints::${cluster.endpoints.length}`, ...lines]
    .map((line) => `${line}\n`)
    .join("");
}

export function clustersJson(proxy: DataPlane): unknown {
  return {
    cluster_statuses: [...proxy.clusters.values()].map((cluster) => ({
      name: cluster.name,
      host_statuses: cluster.endpoints.map(endpointJson),
    })),
  };
}

function endpointJson(endpoint: Endpoint): unknown {
  const { host, port, weight, priority, zone, isHealthy, workload } = endpoint.info;
  return {
    address: { socket_address: { address: host, port_value: port } },
    health_status: { eds_health_status: isHealthy ? "HEALTHY" : "UNHEALTHY" },
    weight,
    priority,
    locality: { zone },
    workload: workload.workload,
    stats: [
      { name: "cx_active", value: endpoint.connectionCount, type: "GAUGE" },
      { name: "cx_connect_fail", value: endpoint.connectFailures },
      { name: "rq_active", value: endpoint.activeRequests, type: "GAUGE" },
      { name: "rq_total", value: endpoint.requestsTotal },
    ],
  };
}
