/**
 * The same endpoint for the same hash, by a ring or Maglev's table; without a hash any endpoint. Where loads are bounded
 * (arXiv 1608.01350), an endpoint with more than its part of what is under way passes requests on to others, which are
 * probed in an order that the hash decides, as in Envoy.
 */
import type { CreateHashTable, HashTable } from "./hash-table.ts";
import type { Candidate, LoadBalancer, LoadBalancerInputs, PickKey } from "./load-balancer.ts";
import { MersenneTwister } from "./mersenne-twister.ts";

export interface HashSettings<T> {
  readonly createTable: CreateHashTable;
  /** What an endpoint is hashed by, in wire form. */
  readonly keyOf: (endpoint: T) => string;
  /** Percent of the average load that one endpoint may have, from 100. Undefined for no bound. */
  readonly balancePercent: number | undefined;
  /** Requests of the cluster that are under way, the one that is being placed included. */
  readonly activeRequests: () => number;
}

const NO_TABLE: HashTable = { indexAt: () => -1 };

export class HashBalancer<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  readonly #settings: HashSettings<T>;
  readonly #bound: LoadBound | undefined;
  #endpoints: readonly T[] = [];
  #table: HashTable = NO_TABLE;

  constructor(inputs: LoadBalancerInputs, settings: HashSettings<T>) {
    this.#prng = inputs.prng;
    this.#settings = settings;
    const { balancePercent, activeRequests } = settings;
    if (balancePercent !== undefined) this.#bound = new LoadBound(balancePercent, activeRequests);
  }

  /** `shares`: the part of all requests that each gets; else by weight. Those without a share are left out. */
  setEndpoints(endpoints: readonly T[], shares = sharesByWeight(endpoints)): void {
    const isShared = (_: unknown, index: number): boolean => shares[index]! > 0;
    this.#endpoints = endpoints.filter(isShared);
    const kept = shares.filter((share) => share > 0);
    this.#table = this.#settings.createTable(this.#endpoints.map(this.#settings.keyOf), kept);
    this.#bound?.setEndpoints(this.#endpoints, kept);
  }

  pick(key?: PickKey): T | undefined {
    const hasHash = key?.hasHash === true;
    const high = hasHash ? key.hashHigh : this.#randomWord();
    const low = hasHash ? key.hashLow : this.#randomWord();
    const index = this.#table.indexAt(high, low, key?.attempt ?? 0);
    if (index < 0) return undefined;
    return this.#endpoints[this.#bound === undefined ? index : this.#bound.settle(index, low)];
  }

  #randomWord(): number {
    return Math.floor(this.#prng.next() * 0x1_0000_0000);
  }
}

/** Whom a request goes to when the endpoint of its hash has enough to do. */
class LoadBound {
  readonly #percent: number;
  readonly #activeRequests: () => number;
  readonly #twister = new MersenneTwister();
  #endpoints: readonly Candidate[] = [];
  #shares = new Float64Array(0);
  /** The indexes, in order between two calls. */
  #order = new Uint32Array(0);
  /** With whom each index was exchanged. */
  #swaps = new Uint32Array(0);

  constructor(percent: number, activeRequests: () => number) {
    this.#percent = percent;
    this.#activeRequests = activeRequests;
  }

  setEndpoints(endpoints: readonly Candidate[], shares: Float64Array): void {
    this.#endpoints = endpoints;
    this.#shares = Float64Array.from(shares);
    this.#order = Uint32Array.from(endpoints, (_, index) => index);
    this.#swaps = new Uint32Array(endpoints.length);
  }

  /** The index itself, or another one. With fewer free endpoints it looks longer: all of them in the end. */
  settle(index: number, seed: number): number {
    const slots = Math.floor((this.#activeRequests() * this.#percent + 99) / 100);
    let leastLoad = this.#loadOf(index, slots);
    if (leastLoad <= 1) return index;
    this.#twister.seed(seed);
    const order = this.#order;
    const swaps = this.#swaps;
    let least = index;
    let tried = 0;
    while (tried < order.length && leastLoad > 1) {
      const other = tried + this.#twister.below(order.length - tried);
      swaps[tried] = other;
      exchange(order, tried, other);
      const candidate = order[tried]!;
      tried += 1;
      if (candidate === index) continue;
      const load = this.#loadOf(candidate, slots);
      if (load >= leastLoad) continue;
      least = candidate;
      leastLoad = load;
    }
    while (tried > 0) {
      tried -= 1;
      exchange(order, tried, swaps[tried]!);
    }
    return least;
  }

  #loadOf(index: number, slots: number): number {
    const own = Math.max(1, Math.ceil(slots * this.#shares[index]!));
    return this.#endpoints[index]!.activeRequests / own;
  }
}

function exchange(order: Uint32Array, a: number, b: number): void {
  const kept = order[a]!;
  order[a] = order[b]!;
  order[b] = kept;
}

function sharesByWeight(endpoints: readonly Candidate[]): Float64Array {
  const total = endpoints.reduce((sum, { info }) => sum + info.weight, 0);
  return Float64Array.from(endpoints, ({ info }) => info.weight / total);
}
