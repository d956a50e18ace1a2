/** How the names of a cluster's endpoints are resolved: STRICT_DNS and LOGICAL_DNS, compiled. */
import { DNS_REFRESH_MS, DNS_TTL_FLOOR_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as Family,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { AddressFamily } from "../resolve-name.ts";

export interface DnsSettings {
  /** `strict`: every address is an endpoint. `logical`: one address of one name, the others in reserve. */
  readonly kind: "strict" | "logical";
  readonly refreshMs: number;
  /** Whether the time that an answer holds goes before `refreshMs`. */
  readonly respectsTtl: boolean;
  readonly family: AddressFamily;
}

const FAMILIES: Readonly<Record<Family, AddressFamily>> = {
  [Family.AUTO]: "auto",
  [Family.V4_ONLY]: "v4",
  [Family.V6_ONLY]: "v6",
  [Family.V4_PREFERRED]: "v4-preferred",
  [Family.ALL]: "all",
};

/** Undefined for a cluster whose endpoints are addresses. */
export function compileDns(cluster: Cluster, errors: FieldError[]): DnsSettings | undefined {
  const type = cluster.clusterDiscoveryType;
  if (type.case !== "type") return undefined;
  const isLogical = type.value === DiscoveryType.LOGICAL_DNS;
  if (!isLogical && type.value !== DiscoveryType.STRICT_DNS) return undefined;
  const count = (cluster.loadAssignment?.endpoints ?? []).flatMap((one) => one.lbEndpoints).length;
  if (isLogical && count !== 1) {
    // Cluster.DiscoveryType: LOGICAL_DNS clusters have a single locality and a single endpoint.
    errors.push({ path: "load_assignment", message: `LOGICAL_DNS takes 1 endpoint, not ${count}` });
  }
  const refreshMs = compileDuration(cluster.dnsRefreshRate, "dns_refresh_rate", errors);
  if (refreshMs !== undefined && refreshMs < DNS_TTL_FLOOR_MS) {
    const message = `must be at least ${DNS_TTL_FLOOR_MS} ms`;
    errors.push({ path: "dns_refresh_rate", message });
  }
  return {
    kind: isLogical ? "logical" : "strict",
    refreshMs: refreshMs ?? DNS_REFRESH_MS,
    respectsTtl: cluster.respectDnsTtl,
    family: FAMILIES[cluster.dnsLookupFamily],
  };
}
