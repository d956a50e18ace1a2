/**
 * Maglev's table as Envoy fills it: every endpoint has an order of its own in which it wants the entries, and they take
 * turns at choosing, in proportion to their shares. A request finds its endpoint by one division.
 */
import { hashModulo, XxHash64 } from "../../core/xxhash64.ts";
import type { CreateHashTable, HashTable } from "./hash-table.ts";

/** `size` is a prime number, at least 2. */
export function createMaglev(size: number): CreateHashTable {
  return (keys, shares) => new MaglevTable(size, keys, shares);
}

class MaglevTable implements HashTable {
  /** Index of the endpoint of each entry. Empty without endpoints. */
  readonly #owners: Uint32Array;

  constructor(size: number, keys: readonly string[], shares: Float64Array) {
    this.#owners = keys.length === 0 ? new Uint32Array(0) : filledTable(size, keys, shares);
  }

  indexAt(high: number, low: number, attempt: number): number {
    const owners = this.#owners;
    if (owners.length === 0) return -1;
    if (attempt === 0) return owners[hashModulo(high, low, owners.length)]!;
    // The hash with most of its bits turned over, so that what one endpoint leaves spreads over the others.
    const turnedHigh = ~high >>> 0;
    const turnedLow = (low ^ -attempt) >>> 0;
    return owners[hashModulo(turnedHigh, turnedLow, owners.length)]!;
  }
}

function filledTable(size: number, keys: readonly string[], shares: Float64Array): Uint32Array {
  // The result depends on the order of turns, so that it must not depend on the order of endpoints.
  const order = keys.map((_, index) => index).sort((a, b) => compareBytes(keys[a]!, keys[b]!));
  const offsets = new Uint32Array(keys.length);
  const skips = new Uint32Array(keys.length);
  const hash = new XxHash64();
  for (const index of order) {
    hash.hash(keys[index]!);
    offsets[index] = hashModulo(hash.high, hash.low, size);
    hash.hash(keys[index]!, 1);
    skips[index] = hashModulo(hash.high, hash.low, size - 1) + 1;
  }
  const greatest = shares.reduce((a, b) => Math.max(a, b), 0);
  const targets = new Float64Array(keys.length);
  const nexts = Uint32Array.from(offsets);
  const owners = new Uint32Array(size);
  const isTaken = new Uint8Array(size);
  let taken = 0;
  for (let turn = 1; taken < size; turn++) {
    for (let i = 0; i < order.length && taken < size; i++) {
      const index = order[i]!;
      if (turn * shares[index]! < targets[index]!) continue;
      targets[index]! += greatest;
      let entry = nexts[index]!;
      while (isTaken[entry] === 1) entry = (entry + skips[index]!) % size;
      owners[entry] = index;
      isTaken[entry] = 1;
      nexts[index] = (entry + skips[index]!) % size;
      taken += 1;
    }
  }
  return owners;
}

/** Keys are in wire form: their characters are bytes. */
function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
