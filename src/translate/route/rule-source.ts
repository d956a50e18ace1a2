/**
 * Rules that are for some callers only. Who a caller is stands fixed when its sidecar connects (its certificate and
 * labels), so such rules are in the route configurations of those callers and in no other.
 */
import type { RouteFilter } from "../../resource/kinds/route-filter.ts";
import { type Caller, isFrom } from "../caller.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { qualifiedName } from "../names.ts";
import type { RequestRoute } from "./attachment.ts";
import type { Candidate, Rule } from "./precedence.ts";
import { isRouteRef, MESH_GROUP } from "./reference-kinds.ts";

/** The RouteFilters that a rule names and that exist. */
export function routeFiltersOf(
  route: RequestRoute,
  rule: Pick<Rule, "filters">,
  { routeFilters }: Pick<MeshIndex, "routeFilters">,
): readonly RouteFilter[] {
  return (rule.filters ?? []).flatMap((filter) => {
    if (filter.type !== "ExtensionRef") return [];
    const { group, kind, name } = filter.extensionRef;
    if (group !== MESH_GROUP || kind !== "RouteFilter") return [];
    const { namespace } = route.metadata;
    return routeFilters.get(qualifiedName({ namespace, name })) ?? [];
  });
}

/** Whether the rule is for some callers only. */
export function hasSources({ route, rule }: Candidate, index: MeshIndex): boolean {
  return routeFiltersOf(route, rule, index).some(({ spec }) => spec.sources !== undefined);
}

/** Whether any rule of these routes is for some callers only. */
export function haveSources(routes: readonly RequestRoute[], index: MeshIndex): boolean {
  if (index.routeFilters.size === 0) return false;
  return routes.some((route) => hasRuleWithSources(route, index, new Set()));
}

/** Also in routes that it delegates to. */
function hasRuleWithSources(
  route: RequestRoute,
  index: MeshIndex,
  seen: Set<RequestRoute>,
): boolean {
  if (seen.has(route)) return false;
  seen.add(route);
  return route.spec.rules.some(
    (rule) =>
      routeFiltersOf(route, rule, index).some(({ spec }) => spec.sources !== undefined) ||
      (rule.backendRefs ?? []).filter(isRouteRef).some((ref) => {
        const namespace = ref.namespace ?? route.metadata.namespace;
        const child = index.routeByKey.get(qualifiedName({ namespace, name: ref.name }));
        return child !== undefined && hasRuleWithSources(child, index, seen);
      }),
  );
}

/** Whether the rule is for this caller; of several filters each must say so. */
export function isForCaller({ route, rule }: Candidate, caller: Caller, index: MeshIndex): boolean {
  return routeFiltersOf(route, rule, index).every(
    ({ spec: { sources } }) =>
      sources === undefined || sources.some((source) => isFrom(source, caller)),
  );
}
