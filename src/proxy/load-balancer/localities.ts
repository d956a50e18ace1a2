/** One locality or another, and an endpoint of it: by the weights of localities, or near first. */
import type { Prng } from "../../core/prng.ts";
import { EdfSchedule } from "./edf-schedule.ts";
import type { Host } from "./host.ts";
import type { LoadBalancer, PickKey } from "./load-balancer.ts";

/** What gives out endpoints: a balancer, or something that chooses among several. */
export interface HostSource<T extends Host> {
  pick(key?: PickKey): T | undefined;
}

/** Endpoints of one locality, all of them and those that are to be asked. */
export interface LocalityHosts<T extends Host> {
  readonly key: string;
  readonly all: readonly T[];
  readonly usable: readonly T[];
}

/** In the order in which they stand in the list. */
export function byLocality<T extends Host>(
  all: readonly T[],
  usable: readonly T[],
): readonly LocalityHosts<T>[] {
  const localities = new Map<string, { key: string; all: T[]; usable: T[] }>();
  for (const host of all) {
    const { key } = host.info.locality;
    const known = localities.get(key);
    if (known === undefined) localities.set(key, { key, all: [host], usable: [] });
    else known.all.push(host);
  }
  for (const host of usable) localities.get(host.info.locality.key)?.usable.push(host);
  return [...localities.values()];
}

/** What a locality weighs: less when more of it is out than its other endpoints can stand in for. */
export function effectiveWeight<T extends Host>({ all, usable }: LocalityHosts<T>): number {
  const { weight, overprovisioning } = all[0]!.info.locality;
  return weight * Math.min(1, ((overprovisioning / 100) * usable.length) / all.length);
}

/** Localities take turns by weight. Undefined where none has any. */
export function weightedLocalities<T extends Host>(
  localities: readonly LocalityHosts<T>[],
  createBalancer: () => LoadBalancer<T>,
  prng: Prng,
): HostSource<T> | undefined {
  const weighed = localities.filter((locality) => effectiveWeight(locality) > 0);
  if (weighed.length === 0) return undefined;
  const weights = Float64Array.from(weighed, effectiveWeight);
  const sources = weighed.map(({ usable }) => balancerOf(usable, createBalancer));
  const schedule = new EdfSchedule(weights);
  const pick = (key?: PickKey): T | undefined => {
    const index = schedule.next;
    schedule.advance(weights[index]!);
    return sources[index]!.pick(key);
  };
  // Proxies that get the same list at the same time must not all begin with its first locality.
  const start = Math.floor(prng.next() * weighed.length);
  for (let i = 0; i < start; i++) schedule.advance(weights[schedule.next]!);
  return { pick };
}

/** The endpoint's share of its priority, by the weights of localities and of endpoints in each. For hashing policies. */
export function localityShares<T extends Host>(
  localities: readonly LocalityHosts<T>[],
): Map<T, number> {
  const shares = new Map<T, number>();
  const total = localities.reduce((sum, { all }) => sum + all[0]!.info.locality.weight, 0);
  for (const { all, usable } of localities) {
    const share = total === 0 ? 0 : all[0]!.info.locality.weight / total;
    const weight = usable.reduce((sum, { info }) => sum + info.weight, 0);
    for (const host of usable) shares.set(host, (host.info.weight * share) / weight);
  }
  return shares;
}

export function balancerOf<T extends Host>(
  hosts: readonly T[],
  createBalancer: () => LoadBalancer<T>,
): HostSource<T> {
  const balancer = createBalancer();
  balancer.setEndpoints(hosts);
  return balancer;
}
