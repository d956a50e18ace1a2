/**
 * Ketama's ring as Envoy makes it: each endpoint stands at several places on a circle of hashes, as many as its share
 * asks for, and a request goes to the next place behind its own hash. An endpoint that comes or goes moves only the
 * requests of its own places.
 */
import { assert } from "../../core/assert.ts";
import { XxHash64 } from "../../core/xxhash64.ts";
import type { CreateHashTable, HashTable } from "./hash-table.ts";
import { murmurHash2 } from "./murmur-hash2.ts";

export interface RingSettings {
  readonly sizeMin: number;
  readonly sizeMax: number;
  readonly hashFunction: "xxhash" | "murmur2";
}

export function createRing({ sizeMin, sizeMax, hashFunction }: RingSettings): CreateHashTable {
  return (keys, shares) => new Ring(keys, placesOf(shares, sizeMin, sizeMax), hashFunction);
}

/**
 * How many places each endpoint gets: the one with the least share a whole number, the others in proportion, with
 * fractions carried over to the next.
 */
function placesOf(shares: Float64Array, sizeMin: number, sizeMax: number): Uint32Array {
  const least = shares.reduce((a, b) => Math.min(a, b), 1);
  const scale = Math.min(Math.ceil(least * sizeMin) / least, sizeMax);
  const places = new Uint32Array(shares.length);
  let placed = 0;
  let wanted = 0;
  for (let i = 0; i < shares.length; i++) {
    wanted += scale * shares[i]!;
    const count = Math.max(0, Math.ceil(wanted - placed));
    places[i] = count;
    placed += count;
  }
  return places;
}

class Ring implements HashTable {
  readonly #highs: Uint32Array;
  readonly #lows: Uint32Array;
  readonly #owners: Uint32Array;

  constructor(
    keys: readonly string[],
    places: Uint32Array,
    hashFunction: RingSettings["hashFunction"],
  ) {
    const size = places.reduce((sum, count) => sum + count, 0);
    const highs = new Uint32Array(size);
    const lows = new Uint32Array(size);
    const owners = new Uint32Array(size);
    const xxHash = new XxHash64();
    let at = 0;
    for (let owner = 0; owner < keys.length; owner++) {
      for (let place = 0; place < places[owner]!; place++, at++) {
        owners[at] = owner;
        const key = `${keys[owner]}_${place}`;
        if (hashFunction === "xxhash") {
          xxHash.hash(key);
          highs[at] = xxHash.high;
          lows[at] = xxHash.low;
        } else {
          const hash = murmurHash2(key);
          highs[at] = Number(hash >> 32n);
          lows[at] = Number(hash & 0xffff_ffffn);
        }
      }
    }
    assert(at === size, "every place has its hash");
    const order = sortedOrder(highs, lows);
    this.#highs = order.map((index) => highs[index]!);
    this.#lows = order.map((index) => lows[index]!);
    this.#owners = order.map((index) => owners[index]!);
  }

  indexAt(high: number, low: number, attempt: number): number {
    const size = this.#owners.length;
    if (size === 0) return -1;
    // The first place that is not before the hash; behind the last one the circle begins anew.
    let start = 0;
    let end = size;
    while (start < end) {
      const middle = (start + end) >>> 1;
      if (this.#isBefore(middle, high, low)) start = middle + 1;
      else end = middle;
    }
    return this.#owners[(start + attempt) % size]!;
  }

  #isBefore(place: number, high: number, low: number): boolean {
    const ownHigh = this.#highs[place]!;
    return ownHigh === high ? this.#lows[place]! < low : ownHigh < high;
  }
}

/** The indexes in the order of their hashes, equal ones as they come: a radix sort, 16 bits a pass. */
function sortedOrder(highs: Uint32Array, lows: Uint32Array): Uint32Array {
  let order = Uint32Array.from(highs, (_, index) => index);
  for (const [words, shift] of [
    [lows, 0],
    [lows, 16],
    [highs, 0],
    [highs, 16],
  ] as const) {
    const starts = new Uint32Array(0x1_0001);
    for (const word of words) starts[((word >>> shift) & 0xffff) + 1]! += 1;
    for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
    const next = new Uint32Array(order.length);
    for (const index of order) {
      const digit = (words[index]! >>> shift) & 0xffff;
      next[starts[digit]!] = index;
      starts[digit]! += 1;
    }
    order = next;
  }
  return order;
}
