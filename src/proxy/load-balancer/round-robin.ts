/** Each endpoint in turn, as often as its weight says, spread evenly (nginx's smooth weighted form). */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export class RoundRobin<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  #endpoints: readonly T[] = [];
  #credits = new Float64Array(0);
  #totalWeight = 0;
  #isEven = true;
  #next = 0;

  constructor(inputs: LoadBalancerInputs) {
    this.#prng = inputs.prng;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    this.#credits = new Float64Array(endpoints.length);
    this.#totalWeight = endpoints.reduce((sum, endpoint) => sum + endpoint.info.weight, 0);
    this.#isEven = endpoints.every(
      (endpoint) => endpoint.info.weight === endpoints[0]?.info.weight,
    );
    // Proxies that get the same list at the same time must not all begin with its first entry.
    this.#next = Math.floor(this.#prng.next() * endpoints.length);
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length < 2) return endpoints[0];
    if (this.#isEven) {
      const endpoint = endpoints[this.#next];
      this.#next = this.#next + 1 === endpoints.length ? 0 : this.#next + 1;
      return endpoint;
    }
    const credits = this.#credits;
    let best = 0;
    for (let i = 0; i < endpoints.length; i++) {
      credits[i]! += endpoints[i]!.info.weight;
      if (credits[i]! > credits[best]!) best = i;
    }
    credits[best]! -= this.#totalWeight;
    return endpoints[best];
  }
}
