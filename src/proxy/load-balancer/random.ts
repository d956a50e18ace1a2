/** Any endpoint by chance, as often as its weight says. (Envoy's random policy ignores weights.) */
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";
import { WeightedDraw } from "./weighted-draw.ts";

export class RandomChoice<T extends Candidate> implements LoadBalancer<T> {
  readonly #draw: WeightedDraw;
  #endpoints: readonly T[] = [];

  constructor(inputs: LoadBalancerInputs) {
    this.#draw = new WeightedDraw(inputs.prng);
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    this.#draw.setEndpoints(endpoints);
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    return endpoints.length < 2 ? endpoints[0] : endpoints[this.#draw.draw(-1)];
  }
}
