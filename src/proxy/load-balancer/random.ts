/** Any endpoint with equal chance. Weights are ignored, as Envoy's random policy ignores them. */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export class RandomChoice<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  #endpoints: readonly T[] = [];

  constructor(inputs: LoadBalancerInputs) {
    this.#prng = inputs.prng;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
  }

  pick(): T | undefined {
    return this.#endpoints[Math.floor(this.#prng.next() * this.#endpoints.length)];
  }
}
