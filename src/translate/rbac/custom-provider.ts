/**
 * Who is asked about requests that a policy of action CUSTOM matches. An RBAC filter with shadow rules finds them; its
 * result, in the request's metadata, turns on the filter that asks.
 */
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";

/** Where the result of shadow rules stands, as Envoy writes it. */
export const RBAC_METADATA = "envoy.filters.http.rbac";

export interface CustomQuestion {
  /** `provider.name` of the policies. */
  readonly provider: string;
  /** The key in RBAC_METADATA that is there when a policy matches: the name of its rule. */
  readonly policyKey: string;
}

/** The filter that asks; undefined where no such provider is known: then what policies match is denied. */
export type CustomProviders = (question: CustomQuestion) => FilterContribution | undefined;

/** The providers of the mesh. */
export function resolveCustomProviders(_mesh: Pick<MeshSnapshot, "meshConfig">): CustomProviders {
  return () => undefined;
}

/** Before the names under which shadow rules for a provider leave their result. */
export function shadowPrefixOf(provider: string): string {
  return `custom_${provider}_`;
}
