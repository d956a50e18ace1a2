/**
 * Near first, without overloading what is near: a zone that has as great a part of the upstream's endpoints as of the
 * callers keeps all of its requests; a zone that has less sends what is too much to zones that have more (Envoy's
 * zone-aware routing). Counts are in ten-thousandths, as there.
 */
import type { Prng } from "../../core/prng.ts";
import type { Host } from "./host.ts";
import type { LoadBalancer, PickKey } from "./load-balancer.ts";
import { balancerOf, type HostSource, type LocalityHosts } from "./localities.ts";

export interface ZoneAwareSettings {
  /** The part of the requests for which zones count, 0 to 1. */
  readonly fraction: number;
  /** With fewer healthy endpoints zones do not count. */
  readonly clusterSizeMin: number;
  /** In a panic requests fail instead of going anywhere. */
  readonly failsInPanic: boolean;
}

/** Envoy's defaults. */
export const ZONE_AWARE_DEFAULTS: ZoneAwareSettings = {
  fraction: 1,
  clusterSizeMin: 6,
  failsInPanic: false,
};

/** The callers: the cluster that this proxy belongs to. */
export interface LocalZones {
  /** The locality of this proxy. */
  readonly key: string;
  /** Healthy callers by locality. */
  readonly counts: ReadonlyMap<string, number>;
  readonly isInPanic: boolean;
}

const WHOLE = 10_000;

interface Zone<T extends Host> {
  readonly source: HostSource<T>;
  readonly callers: number;
  readonly upstreams: number;
}

/** `everywhere` takes what zones do not decide. Undefined where zones cannot count at all. */
export function zoneAwareSource<T extends Host>(
  localities: readonly LocalityHosts<T>[],
  everywhere: HostSource<T>,
  local: LocalZones,
  settings: ZoneAwareSettings,
  createBalancer: () => LoadBalancer<T>,
  prng: Prng,
): HostSource<T> | undefined {
  const healthy = localities.reduce((sum, { usable }) => sum + usable.length, 0);
  if (localities.length < 2 || local.counts.size < 2 || local.isInPanic) return undefined;
  if ((local.counts.get(local.key) ?? 0) === 0) return undefined;
  if (healthy === 0 || healthy < settings.clusterSizeMin) return undefined;
  const callers = [...local.counts.values()].reduce((a, b) => a + b, 0);
  const zoneOf = ({ key, usable }: LocalityHosts<T>): Zone<T> => ({
    source: balancerOf(usable, createBalancer),
    callers: usable.length === 0 ? 0 : part(local.counts.get(key) ?? 0, callers),
    upstreams: part(usable.length, healthy),
  });
  const own = localities.find(({ key }) => key === local.key);
  const near = own === undefined ? undefined : zoneOf(own);
  const others = localities.filter((locality) => locality !== own).map(zoneOf);
  const zones = new Zones(near, others, prng);
  if (settings.fraction >= 1) return zones;
  return {
    pick: (key) => (prng.next() < settings.fraction ? zones : everywhere).pick(key),
  };
}

class Zones<T extends Host> implements HostSource<T> {
  readonly #near: Zone<T> | undefined;
  readonly #others: readonly Zone<T>[];
  readonly #prng: Prng;
  /** The part of the requests that stays near, 0 to 1. */
  readonly #nearFraction: number;
  /** What each of the others can take beyond its own callers. */
  readonly #spare: readonly number[];
  readonly #spareTotal: number;

  constructor(near: Zone<T> | undefined, others: readonly Zone<T>[], prng: Prng) {
    this.#near = near;
    this.#others = others;
    this.#prng = prng;
    this.#nearFraction = nearFraction(near);
    this.#spare = others.map(({ callers, upstreams }) => Math.max(0, upstreams - callers));
    this.#spareTotal = this.#spare.reduce((a, b) => a + b, 0);
  }

  pick(key?: PickKey): T | undefined {
    const near = this.#near;
    const fraction = this.#nearFraction;
    if (near !== undefined && (fraction >= 1 || this.#prng.next() < fraction)) {
      return near.source.pick(key);
    }
    return this.#others[this.#otherIndex()]!.source.pick(key);
  }

  #otherIndex(): number {
    const last = this.#others.length - 1;
    if (this.#spareTotal === 0) return Math.floor(this.#prng.next() * this.#others.length);
    let rest = this.#prng.next() * this.#spareTotal;
    for (let i = 0; i < last; i++) {
      rest -= this.#spare[i]!;
      if (rest < 0) return i;
    }
    return last;
  }
}

function nearFraction<T extends Host>(near: Zone<T> | undefined): number {
  if (near === undefined || near.upstreams === 0) return 0;
  return near.upstreams >= near.callers ? 1 : near.upstreams / near.callers;
}

function part(count: number, total: number): number {
  return total === 0 ? 0 : Math.floor((WHOLE * count) / total);
}
