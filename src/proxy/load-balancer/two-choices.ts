/**
 * Power of two choices: two endpoints by chance, the cheaper one wins. The cost function makes the
 * policy: requests in flight (least request) or expected waiting time (peak-EWMA).
 */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export type Cost<T> = (endpoint: T) => number;

export class TwoChoices<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  readonly #cost: Cost<T>;
  #endpoints: readonly T[] = [];

  constructor(inputs: LoadBalancerInputs, cost: Cost<T>) {
    this.#prng = inputs.prng;
    this.#cost = cost;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    const count = endpoints.length;
    if (count < 2) return endpoints[0];
    const firstIndex = Math.floor(this.#prng.next() * count);
    // The second is drawn from the others, so that two different ones are always compared.
    let secondIndex = Math.floor(this.#prng.next() * (count - 1));
    if (secondIndex >= firstIndex) secondIndex += 1;
    const first = endpoints[firstIndex]!;
    const second = endpoints[secondIndex]!;
    return this.#cost(first) <= this.#cost(second) ? first : second;
  }
}

/** Requests in flight per weight, the one to come included. */
export function leastRequestCost(endpoint: Candidate): number {
  return (endpoint.activeRequests + 1) / endpoint.info.weight;
}

/** Latency halves in the estimate when an endpoint was not asked for this long, so that it is tried again. */
const EWMA_DECAY_MS = 10_000;

/** Expected waiting time: decayed peak latency times the queue. */
export function peakEwmaCost(nowMs: () => number): Cost<Candidate> {
  return (endpoint) => {
    const idleMs = nowMs() - endpoint.ewmaAtMs;
    const latencyMs = endpoint.ewmaMs * Math.exp(-idleMs / EWMA_DECAY_MS);
    return ((latencyMs + 0.001) * (endpoint.activeRequests + 1)) / endpoint.info.weight;
  };
}
