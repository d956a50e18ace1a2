/** How many endpoints of a cluster this proxy uses, where it uses a part of them. */
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import type { Cluster } from "./cluster.ts";

/** `clusters` are those of the proxy by name, as they are at each time. */
export function registerSubsetMetrics(
  registry: MetricRegistry,
  clusters: ReadonlyMap<string, Cluster>,
): void {
  const family = registry.gauge(
    "tulle_lb_subset_members",
    "Endpoints that this proxy uses, by cluster, where it uses a part of them; tulle_upstream_endpoints counts all.",
    "max",
  );
  let told = new Set<string>();
  registry.onCollect(() => {
    const now = new Set<string>();
    for (const { name, hosts } of clusters.values()) {
      if (hosts.members === undefined) continue;
      family.with({ cluster: name }).set(hosts.members.length);
      now.add(name);
    }
    for (const name of told) if (!now.has(name)) family.with({ cluster: name }).set(0);
    told = now;
  });
}
