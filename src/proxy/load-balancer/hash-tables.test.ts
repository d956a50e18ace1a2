/** Ring and Maglev's table: the same endpoint for the same hash, few that move when endpoints change, fair shares. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededPrng } from "../../core/prng.ts";
import { XxHash64 } from "../../core/xxhash64.ts";
import type { CreateHashTable, HashTable } from "./hash-table.ts";
import { createMaglev } from "./maglev.ts";
import { createRing } from "./ring-hash.ts";

const REQUESTS = 10_000;

const TABLES: Readonly<Record<string, CreateHashTable>> = {
  "ring of xxHash": createRing({ sizeMin: 1_024, sizeMax: 8_388_608, hashFunction: "xxhash" }),
  "ring of MurmurHash": createRing({ sizeMin: 1_024, sizeMax: 8_388_608, hashFunction: "murmur2" }),
  maglev: createMaglev(65_537),
};

function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 255}:8080`);
}

function evenShares(count: number): Float64Array {
  return new Float64Array(count).fill(1 / count);
}

const hash = new XxHash64();

/** The key that each of some requests goes to. */
function targets(table: HashTable, keys: readonly string[], attempt = 0): readonly string[] {
  return Array.from({ length: REQUESTS }, (_, index) => {
    hash.hash(`request ${index}`);
    return keys[table.indexAt(hash.high, hash.low, attempt)]!;
  });
}

function moved(before: readonly string[], after: readonly string[]): number {
  return before.filter((target, index) => target !== after[index]).length / before.length;
}

for (const [name, create] of Object.entries(TABLES)) {
  test(`${name}: without endpoints there is none`, () => {
    assert.equal(create([], new Float64Array(0)).indexAt(1, 2, 0), -1);
  });

  test(`${name}: the order in which endpoints come does not matter`, () => {
    const keys = keysOf(7);
    const turned = [...keys].reverse();
    const table = create(keys, evenShares(7));
    const other = create(turned, evenShares(7));
    assert.deepEqual(targets(table, keys), targets(other, turned));
  });

  test(`${name}: an endpoint that goes takes its own requests along, and hardly any others`, () => {
    const keys = keysOf(10);
    const before = targets(create(keys, evenShares(10)), keys);
    const rest = keys.filter((_, index) => index !== 3);
    const after = targets(create(rest, evenShares(9)), rest);
    const own = before.filter((target) => target === keys[3]).length / before.length;
    const others = moved(before, after) - own;
    // A ring moves nothing else, but that each of fewer endpoints stands at more places; Maglev a few.
    assert.ok(others < 0.1, `${others} of other endpoints' requests moved`);
  });

  test(`${name}: an endpoint that comes takes about its share`, () => {
    const keys = keysOf(10);
    const before = targets(create(keys.slice(0, 9), evenShares(9)), keys);
    const share = moved(before, targets(create(keys, evenShares(10)), keys));
    assert.ok(share > 0.05 && share < 0.2, String(share));
  });

  test(`${name}: shares are kept within bounds`, () => {
    const keys = keysOf(5);
    const shares = Float64Array.from([0.1, 0.1, 0.2, 0.2, 0.4]);
    const found = targets(create(keys, shares), keys);
    for (const [index, key] of keys.entries()) {
      const share = found.filter((target) => target === key).length / found.length;
      const wanted = shares[index]!;
      assert.ok(Math.abs(share - wanted) < 0.35 * wanted, `${share} instead of ${wanted}`);
    }
  });

  test(`${name}: another attempt mostly finds another endpoint`, () => {
    const keys = keysOf(10);
    const table = create(keys, evenShares(10));
    assert.ok(moved(targets(table, keys), targets(table, keys, 1)) > 0.8);
  });

  test(`${name}: any endpoints and any hash give one of the endpoints`, () => {
    const word = fc.nat(0xffff_ffff);
    const prng = new SeededPrng(3);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), word, word, (count, high, low) => {
        const weights = Float64Array.from({ length: count }, () => 1 + Math.floor(prng.next() * 9));
        const total = weights.reduce((a, b) => a + b, 0);
        const table = create(
          keysOf(count),
          weights.map((weight) => weight / total),
        );
        for (const attempt of [0, 1, 5]) {
          const index = table.indexAt(high, low, attempt);
          assert.ok(index >= 0 && index < count);
        }
      }),
      { numRuns: 20 },
    );
  });
}

test("a ring has at least as many places as asked for, and no more than allowed", () => {
  const keys = keysOf(4);
  for (const [sizeMin, sizeMax] of [
    [1, 8],
    [6, 6],
    [1_000, 1_001],
  ] as const) {
    const table = createRing({ sizeMin, sizeMax, hashFunction: "xxhash" })(keys, evenShares(4));
    assert.ok(table.indexAt(0xffff_ffff, 0xffff_ffff, 0) >= 0);
  }
});
