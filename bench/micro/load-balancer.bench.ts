/** Picking an endpoint, by policy, among few and among many: the cost must not grow with their number. */
import { bench, do_not_optimize, group } from "mitata";
import { SeededPrng } from "../../src/core/prng.ts";
import { HashBalancer } from "../../src/proxy/load-balancer/hash-balancer.ts";
import type { CreateHashTable } from "../../src/proxy/load-balancer/hash-table.ts";
import type {
  Candidate,
  LoadBalancer,
  PickKey,
} from "../../src/proxy/load-balancer/load-balancer.ts";
import { createMaglev } from "../../src/proxy/load-balancer/maglev.ts";
import { RandomChoice } from "../../src/proxy/load-balancer/random.ts";
import { createRing } from "../../src/proxy/load-balancer/ring-hash.ts";
import { RoundRobin } from "../../src/proxy/load-balancer/round-robin.ts";
import {
  leastRequestCost,
  peakEwmaCost,
  TwoChoices,
} from "../../src/proxy/load-balancer/two-choices.ts";

const COUNTS = [10, 100, 1_000];
const RING = { sizeMin: 1_024, sizeMax: 1_048_576, hashFunction: "xxhash" } as const;

interface Peer extends Candidate {
  readonly key: string;
}

const inputs = { prng: new SeededPrng(1), nowMs: () => 1_000 };
const keys = new SeededPrng(2);
const key: PickKey = {
  hasHash: true,
  get hashHigh() {
    return Math.floor(keys.next() * 0x1_0000_0000);
  },
  hashLow: 1,
  attempt: 0,
};

function peers(count: number, weightOf: (index: number) => number): readonly Peer[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ key: `10.0.${index >> 8}.${index & 255}:8080`, info: { weight: weightOf(index) } },
    ...{ activeRequests: index % 7, waitingCount: 0, weightFactor: 1 },
    ...{ ewmaMs: index % 11, ewmaAtMs: 0, unreachableUntilMs: 0 },
  }));
}

function hashing(createTable: CreateHashTable, balancePercent?: number): LoadBalancer<Peer> {
  return new HashBalancer<Peer>(inputs, {
    createTable,
    keyOf: (peer) => peer.key,
    balancePercent,
    activeRequests: () => 3_000,
  });
}

const POLICIES: Readonly<Record<string, () => LoadBalancer<Peer>>> = {
  "round robin": () => new RoundRobin<Peer>(inputs),
  random: () => new RandomChoice<Peer>(inputs),
  "least request": () => new TwoChoices<Peer>(inputs, leastRequestCost(inputs.nowMs)),
  "peak-EWMA": () => new TwoChoices<Peer>(inputs, peakEwmaCost(inputs.nowMs)),
  "ring hash": () => hashing(createRing(RING)),
  maglev: () => hashing(createMaglev(65_537)),
  "maglev, bounded load": () => hashing(createMaglev(65_537), 150),
};

for (const [weights, weightOf] of [
  ["equal weights", () => 1],
  ["weights 1 to 3", (index: number) => 1 + (index % 3)],
] as const) {
  for (const [name, create] of Object.entries(POLICIES)) {
    group(`${name}, ${weights}`, () => {
      for (const count of COUNTS) {
        const balancer = create();
        balancer.setEndpoints(peers(count, weightOf));
        bench(`1 of ${count}`, () => do_not_optimize(balancer.pick(key)));
      }
    });
  }
}
