/**
 * Power of two choices: two endpoints by chance, the cheaper one wins. The cost function makes the
 * policy: requests in flight (least request) or expected waiting time (peak-EWMA). Weights make an
 * endpoint come up for choice as often as they say; of two equally cheap ones the first drawn wins.
 */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export type Cost = (endpoint: Candidate) => number;

export class TwoChoices<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  readonly #cost: Cost;
  #endpoints: readonly T[] = [];
  #isEven = true;
  /** Where the share of each endpoint begins in the sum of weights; at the end the sum. */
  #starts = new Float64Array(1);

  constructor(inputs: LoadBalancerInputs, cost: Cost) {
    this.#prng = inputs.prng;
    this.#cost = cost;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    this.#isEven = endpoints.every(({ info }) => info.weight === endpoints[0]?.info.weight);
    this.#starts = new Float64Array(endpoints.length + 1);
    for (const [index, { info }] of endpoints.entries()) {
      this.#starts[index + 1] = this.#starts[index]! + info.weight;
    }
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length < 2) return endpoints[0];
    const first = this.#isEven ? this.#draw(-1) : this.#drawByWeight(-1);
    const second = this.#isEven ? this.#draw(first) : this.#drawByWeight(first);
    return this.#cost(endpoints[first]!) <= this.#cost(endpoints[second]!)
      ? endpoints[first]
      : endpoints[second];
  }

  /** Any index but `excluded`, so that two different ones are always compared. */
  #draw(excluded: number): number {
    const count = this.#endpoints.length;
    if (excluded < 0) return Math.floor(this.#prng.next() * count);
    const index = Math.floor(this.#prng.next() * (count - 1));
    return index < excluded ? index : index + 1;
  }

  /** The same, each as often as its weight says. */
  #drawByWeight(excluded: number): number {
    const starts = this.#starts;
    const count = this.#endpoints.length;
    const total = starts[count]!;
    let value = this.#prng.next();
    if (excluded < 0) {
      value *= total;
    } else {
      const start = starts[excluded]!;
      const weight = starts[excluded + 1]! - start;
      value *= total - weight;
      if (value >= start) value += weight;
    }
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** For an endpoint that could not be connected to: dearer than any other. */
const UNREACHABLE_COST = 1e15;
/** For an endpoint that has a request but never answered one: dearer than any that did (Finagle's rule). */
const UNKNOWN_LATENCY_COST = 1e12;
/** An estimate fades with this time constant while its endpoint is not asked, so that it is tried again. */
const EWMA_DECAY_MS = 10_000;
/** Below a microsecond all are equally fast; without it the queue of an instant endpoint would count nothing. */
const LATENCY_MS_LEAST = 0.001;

/** Requests in flight, as a share of what the weight lets expect. */
export function leastRequestCost(nowMs: () => number): Cost {
  return (endpoint) => queueOf(endpoint) + (isUnreachable(endpoint, nowMs) ? UNREACHABLE_COST : 0);
}

/** Expected waiting time: decayed peak latency times the queue with this request in it. */
export function peakEwmaCost(nowMs: () => number): Cost {
  return (endpoint) => {
    const queue = queueOf(endpoint);
    if (isUnreachable(endpoint, nowMs)) return UNREACHABLE_COST + queue;
    // Without an answer nothing is known: one request finds out, the others do not wait for it.
    if (endpoint.ewmaMs === 0 && queue > 0) return UNKNOWN_LATENCY_COST + queue;
    const idleMs = nowMs() - endpoint.ewmaAtMs;
    const latencyMs = endpoint.ewmaMs * Math.exp(-idleMs / EWMA_DECAY_MS);
    return (latencyMs + LATENCY_MS_LEAST) * (queue + 1);
  };
}

function queueOf(endpoint: Candidate): number {
  return (endpoint.activeRequests + endpoint.waitingCount) / endpoint.info.weight;
}

/** The clock is read only where something failed. */
function isUnreachable(endpoint: Candidate, nowMs: () => number): boolean {
  return endpoint.unreachableUntilMs !== 0 && endpoint.unreachableUntilMs > nowMs();
}
