/**
 * How callers of one zone see the zones of a Service: which come first, and in which shares. Endpoints are shared by
 * all sidecars but where a policy says something about zones; then each zone's callers get their own.
 */
import type { LoadBalancerSettings } from "../resource/kinds/load-balancer-settings.ts";
import type { DeepReadonly } from "../resource/object.ts";

/** Where a zone stands for a caller. */
export interface ZonePlace {
  /** 0 is tried first. */
  readonly priority: number;
  /** Among the zones of its priority; undefined: its number of instances. */
  readonly weight: number | undefined;
}

type LocalitySettings = DeepReadonly<LoadBalancerSettings>["locality"];

/** Whether callers of different zones see different things. */
export function dependsOnZone({ preferZone, distribute }: LocalitySettings): boolean {
  return preferZone || distribute.length > 0;
}

/**
 * The places of `zones` for callers in `callerZone`, by zone. Priorities are without gaps, as Envoy demands: a zone
 * that has no instances has no priority. Without a zone of its own a caller prefers none.
 */
export function zonePlaces(
  settings: LocalitySettings,
  callerZone: string,
  zones: readonly string[],
): ReadonlyMap<string, ZonePlace> {
  const ranked = zones.map((zone) => ({ zone, ...rankOf(settings, callerZone, zone) }));
  const ranks = [...new Set(ranked.map(({ rank }) => rank))].sort((a, b) => a - b);
  return new Map(
    ranked.map(({ zone, rank, weight }) => [zone, { priority: ranks.indexOf(rank), weight }]),
  );
}

function rankOf(
  { preferZone, distribute, failover }: LocalitySettings,
  callerZone: string,
  zone: string,
): { readonly rank: number; readonly weight: number | undefined } {
  const shares = entryFor(distribute, callerZone);
  if (shares !== undefined) {
    const weight = shares.to[zone];
    return { rank: weight === undefined ? 1 : 0, weight };
  }
  if (!preferZone || callerZone === "") return { rank: 0, weight: undefined };
  if (zone === callerZone) return { rank: 0, weight: undefined };
  const order = entryFor(failover, callerZone)?.to ?? [];
  const position = order.indexOf(zone);
  return { rank: 1 + (position === -1 ? order.length : position), weight: undefined };
}

/** A zone's own entry goes before that of every zone. */
function entryFor<E extends { readonly from: string }>(
  entries: readonly E[],
  callerZone: string,
): E | undefined {
  return (
    entries.find(({ from }) => from === callerZone) ?? entries.find(({ from }) => from === "*")
  );
}
