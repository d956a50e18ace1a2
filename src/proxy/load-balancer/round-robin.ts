/** Each endpoint in turn, as often as its weight says, spread evenly (nginx's smooth weighted form). */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export class RoundRobin<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  #endpoints: readonly T[] = [];
  /** As they were when the endpoints were set: credits belong to these. */
  #weights = new Float64Array(0);
  #credits = new Float64Array(0);
  #totalWeight = 0;
  #isEven = true;
  #next = 0;

  constructor(inputs: LoadBalancerInputs) {
    this.#prng = inputs.prng;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    this.#weights = Float64Array.from(endpoints, (endpoint) => endpoint.info.weight);
    this.#credits = new Float64Array(endpoints.length);
    this.#totalWeight = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#isEven = this.#weights.every((weight) => weight === this.#weights[0]);
    // Proxies that get the same list at the same time must not all begin with its first entry.
    const start = Math.floor(this.#prng.next() * endpoints.length);
    this.#next = start;
    if (!this.#isEven) for (let i = 0; i < start; i++) this.#pickByCredit();
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length < 2) return endpoints[0];
    if (!this.#isEven) return endpoints[this.#pickByCredit()];
    const endpoint = endpoints[this.#next];
    this.#next = this.#next + 1 === endpoints.length ? 0 : this.#next + 1;
    return endpoint;
  }

  #pickByCredit(): number {
    const weights = this.#weights;
    const credits = this.#credits;
    let best = 0;
    for (let i = 0; i < weights.length; i++) {
      credits[i]! += weights[i]!;
      if (credits[i]! > credits[best]!) best = i;
    }
    credits[best]! -= this.#totalWeight;
    return best;
  }
}
