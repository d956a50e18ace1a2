/** What every load balancer promises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import { HashBalancer } from "./hash-balancer.ts";
import type { CreateHashTable } from "./hash-table.ts";
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";
import { createMaglev } from "./maglev.ts";
import { RandomChoice } from "./random.ts";
import { createRing } from "./ring-hash.ts";
import { RoundRobin } from "./round-robin.ts";
import { leastRequestCost, peakEwmaCost, TwoChoices } from "./two-choices.ts";

interface Named extends Candidate {
  readonly name: string;
}

function endpoint(name: string, weight = 1): Named {
  return {
    ...{ name, info: { weight }, activeRequests: 0, waitingCount: 0 },
    ...{ ewmaMs: 0, ewmaAtMs: 0, unreachableUntilMs: 0, weightFactor: 1 },
  };
}

const BALANCERS: Readonly<Record<string, (inputs: LoadBalancerInputs) => LoadBalancer<Named>>> = {
  "round robin": (inputs) => new RoundRobin<Named>(inputs),
  random: (inputs) => new RandomChoice<Named>(inputs),
  "least request": (inputs) => new TwoChoices<Named>(inputs, leastRequestCost(inputs.nowMs)),
  "peak-EWMA": (inputs) => new TwoChoices<Named>(inputs, peakEwmaCost(inputs.nowMs)),
  "ring hash": (inputs) => hashing(inputs, createRing(RING)),
  maglev: (inputs) => hashing(inputs, createMaglev(10_007)),
  "bounded load": (inputs) => hashing(inputs, createMaglev(10_007), 120),
};

const RING = { sizeMin: 1_024, sizeMax: 65_536, hashFunction: "xxhash" } as const;

function hashing(
  inputs: LoadBalancerInputs,
  createTable: CreateHashTable,
  balancePercent?: number,
): LoadBalancer<Named> {
  return new HashBalancer<Named>(inputs, {
    createTable,
    keyOf: ({ name }) => name,
    balancePercent,
    activeRequests: () => 0,
  });
}

for (const [name, create] of Object.entries(BALANCERS)) {
  const balancer = (seed = 1): LoadBalancer<Named> =>
    create({ prng: new SeededPrng(seed), nowMs: () => 0 });

  test(`${name}: without endpoints there is nothing to pick`, () => {
    const empty = balancer();
    assert.equal(empty.pick(), undefined);
    empty.setEndpoints([]);
    assert.equal(empty.pick(), undefined);
  });

  test(`${name}: a single endpoint takes everything, whatever its weight`, () => {
    const one = balancer();
    const only = endpoint("a", 7);
    one.setEndpoints([only]);
    for (let i = 0; i < 10; i++) assert.equal(one.pick(), only);
  });

  test(`${name}: every endpoint gets its turn, and no other is ever picked`, () => {
    for (const weights of [
      [1, 1],
      [1, 1, 1, 1, 1],
      [5, 1, 3],
    ]) {
      const some = balancer();
      const endpoints = weights.map((weight, index) => endpoint(String(index), weight));
      some.setEndpoints(endpoints);
      const seen = new Set<Named | undefined>();
      for (let i = 0; i < 500; i++) seen.add(some.pick());
      assert.deepEqual(seen, new Set(endpoints));
    }
  });

  test(`${name}: endpoints that left are not picked any more, new ones are`, () => {
    const changing = balancer();
    const [a, b, c] = ["a", "b", "c"].map((key) => endpoint(key));
    changing.setEndpoints([a!, b!]);
    changing.pick();
    changing.setEndpoints([b!, c!]);
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 200; i++) seen.add(changing.pick()?.name);
    assert.deepEqual([...seen].sort(), ["b", "c"]);
    changing.setEndpoints([]);
    assert.equal(changing.pick(), undefined);
  });

  test(`${name}: the same seed makes the same choices`, () => {
    const [first, second] = [balancer(42), balancer(42)];
    const endpoints = Array.from({ length: 5 }, (_, index) => endpoint(String(index), index + 1));
    first.setEndpoints(endpoints);
    second.setEndpoints(endpoints);
    for (let i = 0; i < 100; i++) assert.equal(first.pick(), second.pick());
  });

  test(`${name}: proxies with the same list do not all begin with the same endpoint`, () => {
    for (const weights of [
      [1, 1, 1, 1],
      [4, 3, 2, 1],
    ]) {
      const endpoints = weights.map((weight, index) => endpoint(String(index), weight));
      const begun = new Set<string | undefined>();
      for (let seed = 0; seed < 50; seed++) {
        const proxy = balancer(seed);
        proxy.setEndpoints(endpoints);
        begun.add(proxy.pick()?.name);
      }
      assert.ok(begun.size > 1);
    }
  });

  test(`${name}: a pick among a thousand allocates no more than its random numbers`, () => {
    const many = balancer();
    for (const weightOf of [() => 1, (index: number) => 1 + (index % 3)]) {
      many.setEndpoints(
        Array.from({ length: 1_000 }, (_, index) => endpoint(String(index), weightOf(index))),
      );
      const pickMany = (): void => {
        for (let i = 0; i < 1_000; i++) many.pick();
      };
      for (let i = 0; i < 20; i++) pickMany();
      // Other code of the process may allocate in between: the least of several runs is the picks' own.
      let leastBytes = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 10; run++) {
        const before = process.memoryUsage().heapUsed;
        pickMany();
        leastBytes = Math.min(leastBytes, Math.abs(process.memoryUsage().heapUsed - before));
      }
      // Two draws and two costs are numbers of 16 bytes each; a list of the endpoints would be 4,000.
      assert.ok(leastBytes < 1_000 * 100, `${leastBytes} bytes`);
    }
  });
}
