/** What the caller's own proxy knows of its endpoints at this moment, laid over an explanation. */
import type {
  ExplainedEndpoint,
  ExplainedLiveEndpoint,
  ExplainResponse,
} from "../../control-plane/explain/explain-types.ts";
import { NOT_IN_SUBSET } from "../../decision/load-balancing/endpoint-subset.ts";
import { asRecord, numberAt, recordsAt, textAt } from "../json-view.ts";

/** `clusters` is the answer of a proxy's `/clusters?format=json`. */
export function withLiveEndpoints(response: ExplainResponse, clusters: unknown): ExplainResponse {
  const byCluster = new Map(
    recordsAt(clusters, "cluster_statuses").map((status) => [
      textAt(status, "name"),
      liveEndpoints(status),
    ]),
  );
  return {
    ...response,
    clusters: response.clusters.map((cluster) => ({
      ...cluster,
      endpoints: cluster.endpoints.map((endpoint) =>
        withLive(endpoint, byCluster.get(cluster.name)?.get(endpoint.address)),
      ),
    })),
  };
}

function liveEndpoints(cluster: unknown): ReadonlyMap<string, ExplainedLiveEndpoint> {
  return new Map(
    recordsAt(cluster, "host_statuses").map((host) => {
      const address = textAt(host, "address", "socket_address", "address");
      const port = textAt(host, "address", "socket_address", "port_value");
      const shown = address.includes(":") ? `[${address}]` : address;
      return [
        `${shown}:${port}`,
        {
          health: healthText(asRecord(host["health_status"])),
          inSubset: typeof host["in_subset"] === "boolean" ? host["in_subset"] : null,
          activeRequests: statOf(host, "rq_active"),
          connections: statOf(host, "cx_active"),
        },
      ];
    }),
  );
}

/** Envoy's HostHealthStatus: flags that are set, or the health that EDS says. */
function healthText(status: Readonly<Record<string, unknown>>): string {
  const failed = Object.entries(status)
    .filter(([name, value]) => name.startsWith("failed_") && value === true)
    .map(([name]) => FAILURES[name] ?? name.replaceAll("_", " "));
  if (failed.length > 0) return failed.join(", ");
  return textAt(status, "eds_health_status").toLowerCase() || "healthy";
}

const FAILURES: Readonly<Record<string, string>> = {
  failed_outlier_check: "ejected as an outlier",
  failed_active_health_check: "failed its health check",
};

function statOf(host: unknown, name: string): number {
  const stat = recordsAt(host, "stats").find((one) => textAt(one, "name") === name);
  // Envoy writes 64-bit numbers as text.
  return numberAt(stat, "value") ?? (Number(textAt(stat, "value")) || 0);
}

/** The proxy's own judgement counts: it is the one that sends. */
function withLive(
  endpoint: ExplainedEndpoint,
  live: ExplainedLiveEndpoint | undefined,
): ExplainedEndpoint {
  if (live === undefined) return endpoint;
  if (live.health === "healthy" || !endpoint.eligible) {
    return withLiveSubset({ ...endpoint, live }, live);
  }
  const reason = `the caller's proxy says: ${live.health}`;
  const inSubset = live.inSubset ?? endpoint.inSubset;
  return { ...endpoint, live, inSubset, eligible: false, reason };
}

/** It knows of more that is out than the control plane, and of what stands in for that. */
function withLiveSubset(
  endpoint: ExplainedEndpoint,
  { inSubset }: ExplainedLiveEndpoint,
): ExplainedEndpoint {
  if (inSubset === null || inSubset === endpoint.inSubset) return endpoint;
  if (inSubset && endpoint.reason === NOT_IN_SUBSET) {
    return { ...endpoint, inSubset, eligible: true, reason: null };
  }
  if (inSubset || !endpoint.eligible) return { ...endpoint, inSubset };
  return { ...endpoint, inSubset, eligible: false, reason: NOT_IN_SUBSET };
}
