/** The cluster that this proxy belongs to: where callers are, for zone-aware routing. */
import type { Bootstrap } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "./cluster.ts";
import type { LocalZones } from "./load-balancer/zone-aware.ts";

export interface LocalCluster {
  /** Its endpoints are the callers. */
  readonly name: string;
  /** The locality of this proxy: `region/zone/sub-zone`. */
  readonly localityKey: string;
}

/** Undefined where the bootstrap names none. */
export function localClusterOf({ clusterManager, node }: Bootstrap): LocalCluster | undefined {
  const name = clusterManager?.localClusterName ?? "";
  if (name === "") return undefined;
  const { region = "", zone = "", subZone = "" } = node?.locality ?? {};
  return { name, localityKey: `${region}/${zone}/${subZone}` };
}

/** As it is now. In a panic, with less than half of the callers healthy, their counts say nothing. */
export function localZonesOf(
  local: LocalCluster | undefined,
  clusters: ReadonlyMap<string, Cluster>,
): LocalZones | undefined {
  const callers = local === undefined ? undefined : clusters.get(local.name)?.endpoints;
  if (local === undefined || callers === undefined) return undefined;
  const counts = new Map<string, number>();
  let healthy = 0;
  for (const { health, info } of callers) {
    if (health !== "healthy") continue;
    healthy += 1;
    const { key } = info.locality;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const isInPanic = healthy < callers.length * PANIC_SHARE;
  return { key: local.localityKey, counts, isInPanic };
}

/** Envoy's panic threshold where nothing else is said. */
const PANIC_SHARE = 0.5;
