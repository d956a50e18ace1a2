/**
 * The part of a large service's endpoints that one caller uses (gRPC's proposal A68): each caller ranks all endpoints by a
 * hash of its own and takes the first that serve. A change of one endpoint changes one member at most, and over many
 * callers every endpoint is in as many subsets as any other.
 */
import { wireText } from "../../core/wire-text.ts";
import { XxHash64 } from "../../core/xxhash64.ts";

/** Why an endpoint gets nothing from a caller, as people are told. */
export const NOT_IN_SUBSET = "this caller uses others (loadBalancer.subsetting)";

/** What tells the ranking of one caller from that of others, in two halves of 32 bits. */
export interface SubsetSeed {
  readonly high: number;
  readonly low: number;
}

/** Of an endpoint's `address:port`; the lowest comes first. */
export type EndpointRank = (address: string) => number;

/** `pending`: whether it serves is being found out. `out`: it does not, or others are better. */
export type EndpointState = "serves" | "pending" | "out";

/** How zones divide a subset: not at all, by their weights, or by their numbers of endpoints. */
export type SubsetZones = "ignored" | "weighted" | "counted";

export interface SubsetRule {
  /** Members in each priority, from 1. */
  readonly size: number;
  readonly zones: SubsetZones;
}

/** What the choice looks at. */
export interface SubsetView<T> {
  readonly stateOf: (endpoint: T) => EndpointState;
  readonly priorityOf: (endpoint: T) => number;
  readonly zoneOf: (endpoint: T) => string;
  /** 0 where nothing is said. */
  readonly zoneWeightOf: (endpoint: T) => number;
}

/** `nodeId`: of the caller. It stays the same over restarts, so that endpoints have the same callers again. */
export function subsetSeedOf(nodeId: string): SubsetSeed {
  const hash = new XxHash64();
  hash.hash(wireText(nodeId));
  return { high: hash.high, low: hash.low };
}

export function endpointRank({ high, low }: SubsetSeed): EndpointRank {
  const hash = new XxHash64();
  return (address) => {
    hash.hash(wireText(address), low, high);
    // The upper 53 bits, which a number holds.
    return hash.high * 0x20_0000 + (hash.low >>> 11);
  };
}

/**
 * Those that a caller looks at: of each priority the first that serve or are about to, as many as the rule says, and
 * whatever is out and ranks before the last of them, for which they stand in. `ranked`: all endpoints, the lowest rank
 * in front.
 */
export function endpointsInUse<T>(
  ranked: readonly T[],
  rule: SubsetRule,
  view: SubsetView<T>,
): ReadonlySet<T> {
  const quotas = quotasOf(ranked, rule, view);
  const inUse = new Set<T>();
  for (const endpoint of ranked) {
    const priority = quotas.get(view.priorityOf(endpoint))!;
    const quota = priority.zones?.get(view.zoneOf(endpoint)) ?? priority;
    if (quota.left === 0) continue;
    inUse.add(endpoint);
    if (view.stateOf(endpoint) !== "out") quota.left -= 1;
  }
  return inUse;
}

/** Members that are still to be found. */
interface Quota {
  left: number;
}

interface PriorityQuota extends Quota {
  /** Where zones count: the quota of each. */
  readonly zones: ReadonlyMap<string, Quota> | undefined;
}

function quotasOf<T>(
  endpoints: readonly T[],
  { size, zones }: SubsetRule,
  view: SubsetView<T>,
): ReadonlyMap<number, PriorityQuota> {
  const weights = new Map<number, Map<string, number>>();
  for (const endpoint of endpoints) {
    const priority = view.priorityOf(endpoint);
    const known = weights.get(priority) ?? new Map<string, number>();
    weights.set(priority, known);
    if (zones === "ignored") continue;
    const zone = view.zoneOf(endpoint);
    // Health does not count here: a zone that is out for a moment would change the members in every other one.
    known.set(zone, zones === "counted" ? (known.get(zone) ?? 0) + 1 : view.zoneWeightOf(endpoint));
  }
  const quotas = [...weights].map(([priority, byZone]) => {
    const hasWeight = [...byZone.values()].some((weight) => weight > 0);
    const quota = { left: size, zones: hasWeight ? divided(size, byZone) : undefined };
    return [priority, quota] as const;
  });
  return new Map(quotas);
}

/** By largest remainders. A zone that has a weight has a member, also where this makes the subset larger. */
function divided(
  size: number,
  weights: ReadonlyMap<string, number>,
): ReadonlyMap<string, { left: number }> {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const parts = [...weights].map(([zone, weight]) => {
    const exact = (size * weight) / total;
    return { zone, weight, left: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let rest = size - parts.reduce((sum, { left }) => sum + left, 0);
  for (const part of parts.toSorted((a, b) => b.remainder - a.remainder)) {
    if (rest > 0) part.left += 1;
    rest -= 1;
    if (part.weight > 0) part.left = Math.max(1, part.left);
  }
  return new Map(parts.map(({ zone, left }) => [zone, { left }]));
}
