/**
 * Power of two choices: two endpoints by chance (or a few more), the cheapest one wins. The cost function makes the
 * policy: requests in flight (least request) or expected waiting time (peak-EWMA). Weights make an
 * endpoint come up for choice as often as they say; of equally cheap ones the first drawn wins.
 */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";
import { WeightedDraw } from "./weighted-draw.ts";

/** `weight`: what the endpoint weighs now. */
export type Cost = (endpoint: Candidate, weight: number) => number;

/** How many endpoints are compared where nothing is said. */
export const CHOICES = 2;

export class TwoChoices<T extends Candidate> implements LoadBalancer<T> {
  readonly #draw: WeightedDraw;
  readonly #cost: Cost;
  readonly #choices: number;
  #endpoints: readonly T[] = [];
  /** Of each endpoint, here beside each other: of many endpoints as little as possible is touched for a choice. */
  #weights = new Float64Array(0);

  /** `choices`: at least 2. */
  constructor(inputs: LoadBalancerInputs, cost: Cost, choices = CHOICES) {
    this.#draw = new WeightedDraw(inputs.prng);
    this.#cost = cost;
    this.#choices = choices;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    this.#weights = Float64Array.from(
      endpoints,
      ({ info, weightFactor }) => info.weight * weightFactor,
    );
    this.#draw.setEndpoints(endpoints);
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length < 2) return endpoints[0];
    let best = this.#draw.draw(-1);
    const weights = this.#weights;
    let bestCost = this.#cost(endpoints[best]!, weights[best]!);
    for (let i = 1; i < this.#choices; i++) {
      // Never the best one again, so that two different ones are always compared.
      const other = this.#draw.draw(best);
      const cost = this.#cost(endpoints[other]!, weights[other]!);
      if (cost >= bestCost) continue;
      best = other;
      bestCost = cost;
    }
    return endpoints[best];
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

/**
 * Requests in flight, as a share of what the weight lets expect. `bias` says how much they count beside the weight: 1 as
 * they are, 0 not at all.
 */
export function leastRequestCost(nowMs: () => number, bias = 1): Cost {
  const cost = biasedQueue(bias);
  return (endpoint, weight) =>
    cost(endpoint, weight) + (isUnreachable(endpoint, nowMs) ? UNREACHABLE_COST : 0);
}

function biasedQueue(bias: number): Cost {
  if (bias === 1) return queueOf;
  if (bias === 0) return () => 0;
  return (endpoint, weight) => {
    const requests = endpoint.activeRequests + endpoint.waitingCount;
    return requests ** bias / weight;
  };
}

/** Expected waiting time: decayed peak latency times the queue with this request in it. */
export function peakEwmaCost(nowMs: () => number): Cost {
  return (endpoint, weight) => {
    const queue = queueOf(endpoint, weight);
    if (isUnreachable(endpoint, nowMs)) return UNREACHABLE_COST + queue;
    // Without an answer nothing is known: one request finds out, the others do not wait for it.
    if (endpoint.ewmaMs === 0 && queue > 0) return UNKNOWN_LATENCY_COST + queue;
    const { ewmaMs, ewmaAtMs, refusals } = endpoint;
    const now = nowMs();
    const latencyMs = ewmaMs * Math.exp((ewmaAtMs - now) / EWMA_DECAY_MS);
    const refused = refusals === undefined ? 0 : refusals.loadAt(now, ewmaMs) / weight;
    return (latencyMs + LATENCY_MS_LEAST) * (queue + refused + 1);
  };
}

function queueOf({ activeRequests, waitingCount }: Candidate, weight: number): number {
  return (activeRequests + waitingCount) / weight;
}

/** The clock is read only where something failed. */
function isUnreachable(endpoint: Candidate, nowMs: () => number): boolean {
  return endpoint.unreachableUntilMs !== 0 && endpoint.unreachableUntilMs > nowMs();
}
