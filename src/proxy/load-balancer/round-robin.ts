/** Each endpoint in turn, as often as its weight says, spread evenly. */
import { EdfSchedule } from "./edf-schedule.ts";
import type { Candidate, LoadBalancer, LoadBalancerInputs } from "./load-balancer.ts";

export class RoundRobin<T extends Candidate> implements LoadBalancer<T> {
  readonly #prng: LoadBalancerInputs["prng"];
  #endpoints: readonly T[] = [];
  /** Undefined while all weigh the same: then they simply take turns. */
  #schedule: EdfSchedule | undefined;
  #next = 0;

  constructor(inputs: LoadBalancerInputs) {
    this.#prng = inputs.prng;
  }

  setEndpoints(endpoints: readonly T[]): void {
    this.#endpoints = endpoints;
    const weights = Float64Array.from(endpoints, weightOf);
    const isEven = weights.every((weight) => weight === weights[0]);
    // Proxies that get the same list at the same time must not all begin with its first entry.
    const start = Math.floor(this.#prng.next() * endpoints.length);
    this.#next = start;
    this.#schedule = isEven ? undefined : new EdfSchedule(weights);
    if (this.#schedule !== undefined) for (let i = 0; i < start; i++) this.#pickByWeight();
  }

  pick(): T | undefined {
    const endpoints = this.#endpoints;
    if (endpoints.length < 2) return endpoints[0];
    if (this.#schedule !== undefined) return this.#pickByWeight();
    const endpoint = endpoints[this.#next];
    this.#next = this.#next + 1 === endpoints.length ? 0 : this.#next + 1;
    return endpoint;
  }

  #pickByWeight(): T {
    const schedule = this.#schedule!;
    const endpoint = this.#endpoints[schedule.next]!;
    schedule.advance(weightOf(endpoint));
    return endpoint;
  }
}

function weightOf({ info, weightFactor }: Candidate): number {
  return info.weight * weightFactor;
}
