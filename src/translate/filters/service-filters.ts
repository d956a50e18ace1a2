/** The HTTP filters that policies bring to a Service: into its callers' sidecars and into those of its instances. */
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import type { FilterContribution } from "./filter-contribution.ts";

export interface ServiceFilters {
  /** For requests on their way out of a caller's sidecar, in the order in which they act. */
  readonly outbound: readonly FilterContribution[];
  /** For requests on their way to an instance's app. Routes are not known there. */
  readonly inbound: readonly FilterContribution[];
}

/** By Service (`namespace/name`). */
export type ServiceFiltersOf = (service: string) => ServiceFilters;

const NONE: ServiceFilters = { outbound: [], inbound: [] };

/** Resolves the policies of every kind once. */
export function resolveServiceFilters(
  _snapshot: MeshSnapshot,
  _findings: Findings,
): ServiceFiltersOf {
  return () => NONE;
}
