/**
 * A set of endpoints that requests choose from, as a cluster's or a subset's: first a priority, then a locality where
 * localities count, then an endpoint by the policy. What can be decided when endpoints change is decided then.
 */
import type { Prng } from "../../core/prng.ts";
import { hashModulo } from "../../core/xxhash64.ts";
import type { SubsetZones } from "../../decision/load-balancing/endpoint-subset.ts";
import { HashBalancer } from "./hash-balancer.ts";
import type { Host } from "./host.ts";
import type { LoadBalancer, PickKey } from "./load-balancer.ts";
import {
  balancerOf,
  byLocality,
  type HostSource,
  localityShares,
  weightedLocalities,
} from "./localities.ts";
import { divideLoad, healthOf, type PriorityHealth } from "./priority-load.ts";
import { Subsetting, type SubsettingOptions } from "./subsetting.ts";
import { type LocalZones, type ZoneAwareSettings, zoneAwareSource } from "./zone-aware.ts";

/** How localities count. */
export type LocalityMode =
  | { readonly kind: "none" }
  | { readonly kind: "weighted" }
  | { readonly kind: "zone-aware"; readonly settings: ZoneAwareSettings };

export interface HostGroupOptions<T extends Host> {
  readonly createBalancer: () => LoadBalancer<T>;
  /** Share of healthy endpoints, 0 to 1, below which health is ignored (Envoy's panic threshold). */
  readonly panicThreshold: number;
  readonly locality: LocalityMode;
  /** Where callers are, when that is known. */
  readonly localZones: () => LocalZones | undefined;
  readonly prng: Prng;
  /** Set where this proxy uses a part of the endpoints. */
  readonly subsetting?: SubsettingOptions<T> | undefined;
}

interface Slot<T extends Host> {
  /** Percent of the requests that go to this slot or one before it. */
  readonly end: number;
  readonly source: HostSource<T>;
}

const NOWHERE: HostSource<never> = { pick: () => undefined };

export class HostGroup<T extends Host> implements HostSource<T> {
  readonly #options: HostGroupOptions<T>;
  readonly #subsetting: Subsetting<T> | undefined;
  #slots: readonly Slot<T>[] = [];
  #inUse: readonly T[] = [];
  #eligible: readonly T[] = [];
  #healths: readonly PriorityHealth[] = [];
  #isHashing = false;
  /** What hashing policies were given last: their tables are dear, and most changes of health leave them as they are. */
  #tables: readonly KnownTable<T>[] = [];
  #newTables: KnownTable<T>[] = [];

  constructor(options: HostGroupOptions<T>) {
    this.#options = options;
    if (options.subsetting !== undefined) this.#subsetting = new Subsetting(options.subsetting);
  }

  /** Those that it chooses among, and those that it would if they were well: all of them where no subset is asked for. */
  get inUse(): readonly T[] {
    return this.#inUse;
  }

  /** Those that requests may go to. */
  get eligible(): readonly T[] {
    return this.#eligible;
  }

  /** Those in use that are well, or that requests may go to whether or not they are. */
  get members(): readonly T[] {
    const eligible = new Set(this.#eligible);
    return this.#inUse.filter((host) => host.health === "healthy" || eligible.has(host));
  }

  /** By priority. */
  get healths(): readonly PriorityHealth[] {
    return this.#healths;
  }

  /** To be called when endpoints, their health, their weights or the local zones have changed. */
  update(all: readonly T[]): void {
    const eligible: T[] = [];
    const slots: Slot<T>[] = [];
    const hosts = this.#subsetting?.inUse(all, this.#subsetZones()) ?? all;
    this.#inUse = hosts;
    // Of each priority somebody is in use: both lists have the same priorities.
    const priorities = byPriority(hosts);
    this.#healths = (this.#subsetting?.countsAll ? byPriority(all) : priorities).map(healthOf);
    const loads = divideLoad(this.#healths, this.#options.panicThreshold);
    let end = 0;
    // Envoy's order: everything that is healthy comes before what is degraded.
    for (const wanted of ["healthy", "degraded"] as const) {
      for (const [priority, load] of loads.entries()) {
        if (load[wanted] === 0) continue;
        const { isInPanic } = load;
        const all = priorities[priority]!;
        const usable = isInPanic ? all : all.filter(({ health }) => health === wanted);
        end += load[wanted];
        eligible.push(...usable);
        slots.push({ end, source: this.#sourceOf(all, usable, priority, isInPanic) });
      }
    }
    this.#slots = slots;
    this.#eligible = eligible;
    this.#tables = this.#newTables;
    this.#newTables = [];
  }

  pick(key?: PickKey): T | undefined {
    const slots = this.#slots;
    if (slots.length === 1) return slots[0]!.source.pick(key);
    const at = this.#percentOf(key);
    for (let i = 0; i < slots.length; i++) {
      if (at < slots[i]!.end) return slots[i]!.source.pick(key);
    }
    return undefined;
  }

  /** Zones that get parts of the requests get parts of the subset. */
  #subsetZones(): SubsetZones {
    const { locality, localZones } = this.#options;
    if (locality.kind === "weighted") return "weighted";
    return locality.kind === "zone-aware" && localZones() !== undefined ? "counted" : "ignored";
  }

  /** Which of a hundred requests this is: by its hash where that chooses the endpoint, so that both stay together. */
  #percentOf(key: PickKey | undefined): number {
    if (this.#isHashing && key?.hasHash) return hashModulo(key.hashHigh, key.hashLow, 100);
    return Math.floor(this.#options.prng.next() * 100);
  }

  #sourceOf(
    all: readonly T[],
    usable: readonly T[],
    priority: number,
    isInPanic: boolean,
  ): HostSource<T> {
    const { createBalancer, locality, prng } = this.#options;
    if (usable.length === 0) return NOWHERE;
    const balancer = createBalancer();
    if (balancer instanceof HashBalancer) {
      this.#isHashing = true;
      const known = this.#tables.find((table) => isSameTable(table, all, usable));
      const source =
        known?.source ?? hashingSource(balancer, all, usable, locality.kind === "weighted");
      this.#newTables.push({ all: placesOf(all), usable: placesOf(usable), source });
      return source;
    }
    if (isInPanic) {
      const fails = locality.kind === "zone-aware" && locality.settings.failsInPanic;
      return fails ? NOWHERE : balancerOf(usable, createBalancer);
    }
    const localities = byLocality(all, usable);
    const everywhere = (): HostSource<T> => balancerOf(usable, createBalancer);
    if (locality.kind === "weighted") {
      return weightedLocalities(localities, createBalancer, prng) ?? everywhere();
    }
    const plain = everywhere();
    const local = this.#options.localZones();
    // As in Envoy, zones count in the first priority alone.
    if (locality.kind === "none" || local === undefined || priority !== 0) return plain;
    return (
      zoneAwareSource(localities, plain, local, locality.settings, createBalancer, prng) ?? plain
    );
  }
}

/** An endpoint with what was known of it. */
interface Place<T extends Host> {
  readonly host: T;
  readonly info: T["info"];
}

interface KnownTable<T extends Host> {
  readonly all: readonly Place<T>[];
  readonly usable: readonly Place<T>[];
  readonly source: HostSource<T>;
}

function placesOf<T extends Host>(hosts: readonly T[]): readonly Place<T>[] {
  return hosts.map((host) => ({ host, info: host.info }));
}

function isSameTable<T extends Host>(
  { all, usable }: KnownTable<T>,
  allNow: readonly T[],
  usableNow: readonly T[],
): boolean {
  const isSame = (before: readonly Place<T>[], now: readonly T[]): boolean =>
    before.length === now.length &&
    before.every(({ host, info }, index) => host === now[index] && info === now[index]!.info);
  return isSame(usable, usableNow) && isSame(all, allNow);
}

function hashingSource<T extends Host>(
  balancer: HashBalancer<T>,
  all: readonly T[],
  usable: readonly T[],
  isLocalityWeighted: boolean,
): HostSource<T> {
  const shares = isLocalityWeighted ? localityShares(byLocality(all, usable)) : undefined;
  const isWeighed = shares !== undefined && usable.some((host) => shares.get(host)! > 0);
  if (isWeighed) {
    balancer.setEndpoints(
      usable,
      Float64Array.from(usable, (host) => shares.get(host)!),
    );
  } else balancer.setEndpoints(usable);
  return balancer;
}

/** One list for each priority, from 0. Lists may be empty. */
function byPriority<T extends Host>(hosts: readonly T[]): readonly (readonly T[])[] {
  const lists: T[][] = [[]];
  const priorities = [...new Set(hosts.map(({ info }) => info.priority))].sort((a, b) => a - b);
  for (const [index, priority] of priorities.entries()) {
    lists[index] = hosts.filter(({ info }) => info.priority === priority);
  }
  return lists;
}
