/** Picking an endpoint, by policy, among as many as a large service has. */
import { bench, do_not_optimize, group } from "mitata";
import { SeededPrng } from "../../src/core/prng.ts";
import type { Candidate } from "../../src/proxy/load-balancer/load-balancer.ts";
import { RandomChoice } from "../../src/proxy/load-balancer/random.ts";
import { RoundRobin } from "../../src/proxy/load-balancer/round-robin.ts";
import {
  leastRequestCost,
  peakEwmaCost,
  TwoChoices,
} from "../../src/proxy/load-balancer/two-choices.ts";

const ENDPOINTS = 100;

const inputs = { prng: new SeededPrng(1), nowMs: () => 1_000 };
const endpoints: readonly Candidate[] = Array.from({ length: ENDPOINTS }, (_, index) => ({
  ...{ info: { weight: 1 }, activeRequests: index % 7, waitingCount: 0 },
  ...{ ewmaMs: index % 11, ewmaAtMs: 0, unreachableUntilMs: 0, weightFactor: 1 },
}));
const balancers = {
  "round robin": new RoundRobin(inputs),
  random: new RandomChoice(inputs),
  "least request": new TwoChoices(inputs, leastRequestCost(inputs.nowMs)),
  "peak-EWMA": new TwoChoices(inputs, peakEwmaCost(inputs.nowMs)),
};

group(`pick one of ${ENDPOINTS} endpoints`, () => {
  for (const [name, balancer] of Object.entries(balancers)) {
    balancer.setEndpoints(endpoints);
    bench(name, () => do_not_optimize(balancer.pick()));
  }
});
