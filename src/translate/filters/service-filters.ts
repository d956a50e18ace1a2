/** The HTTP filters that policies bring to a Service: into its callers' sidecars and into those of its instances. */
import type { Filter } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { resolveCacheFilters } from "./cache-filter.ts";
import { resolveCorsFilters } from "./cors-filter.ts";
import { resolveFaultFilters } from "./fault-filter.ts";
import type { FilterContribution } from "./filter-contribution.ts";
import { resolveRateLimitFilters } from "./rate-limit-policies.ts";

export interface ServiceFilters {
  /** For requests on their way out of a caller's sidecar, in the order in which they act. */
  readonly outbound: readonly FilterContribution[];
  /** For requests on their way to an instance's app. Routes are not known there. */
  readonly inbound: readonly FilterContribution[];
  /** Network filters that stand before what serves a connection: of callers' listeners, and of instances'. */
  readonly outboundConnections: readonly Filter[];
  readonly inboundConnections: readonly Filter[];
}

/** By Service (`namespace/name`). */
export type ServiceFiltersOf = (service: string) => ServiceFilters;

/** Resolves the policies of every kind once. */
export function resolveServiceFilters(
  snapshot: MeshSnapshot,
  findings: Findings,
): ServiceFiltersOf {
  const caches = resolveCacheFilters(snapshot, findings);
  const cors = resolveCorsFilters(snapshot);
  const faults = resolveFaultFilters(snapshot, findings);
  const rateLimits = resolveRateLimitFilters(snapshot, findings);
  return (service) => {
    const limits = rateLimits(service);
    return {
      outbound: [...cors(service), ...limits.outbound, ...faults(service)],
      inbound: [...limits.inbound, ...caches(service)],
      outboundConnections: limits.outboundConnections,
      inboundConnections: limits.inboundConnections,
    };
  };
}
