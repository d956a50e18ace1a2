/**
 * Timeouts, retries and sessions of a rule at a gateway, where no Service is the parent: those of the Service that its first
 * backend is, below a policy for the route. What is about connections stands on the clusters, wherever they are called from.
 */
import type { MeshIndex } from "../mesh-index.ts";
import { qualifiedName } from "../names.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import type { RequestRoute } from "./attachment.ts";
import type { Rule } from "./precedence.ts";

export interface EdgeSettingsContext {
  readonly index: MeshIndex;
  /** Without a backend that exists. */
  readonly fallback: TrafficSettings;
}

export function edgeSettings(
  route: RequestRoute,
  { backendRefs = [] }: Pick<Rule, "backendRefs">,
  { index, fallback }: EdgeSettingsContext,
): TrafficSettings {
  const { namespace } = route.metadata;
  const backends = backendRefs.flatMap((ref) => {
    if (ref.weight === 0) return [];
    const key = qualifiedName({ namespace: ref.namespace ?? namespace, name: ref.name });
    const service = index.serviceByKey.get(key);
    return service?.service.resource.kind === ref.kind ? [service] : [];
  });
  const target = { kind: route.kind, name: qualifiedName(route.metadata) };
  return index.settingsOf.route(target, backends[0]?.settings ?? fallback);
}
