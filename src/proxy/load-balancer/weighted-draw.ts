/** Draws endpoints by chance, each as often as its weight says. Logarithmic time, constant where all weigh the same. */
import type { Prng } from "../../core/prng.ts";
import type { Candidate } from "./load-balancer.ts";

export class WeightedDraw {
  readonly #prng: Prng;
  #endpoints: readonly Candidate[] = [];
  #isEven = true;
  /** Where the share of each endpoint begins in the sum of weights; at the end the sum. */
  #starts = new Float64Array(1);

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  setEndpoints(endpoints: readonly Candidate[]): void {
    this.#endpoints = endpoints;
    const weights = endpoints.map(({ info, weightFactor }) => info.weight * weightFactor);
    this.#isEven = weights.every((weight) => weight === weights[0]);
    this.#starts = new Float64Array(endpoints.length + 1);
    for (const [index, weight] of weights.entries()) {
      this.#starts[index + 1] = this.#starts[index]! + weight;
    }
  }

  /** An index other than `excluded`, which may be -1. There must be one. */
  draw(excluded: number): number {
    return this.#isEven ? this.#drawEvenly(excluded) : this.#drawByWeight(excluded);
  }

  #drawEvenly(excluded: number): number {
    const count = this.#endpoints.length;
    if (excluded < 0) return Math.floor(this.#prng.next() * count);
    const index = Math.floor(this.#prng.next() * (count - 1));
    return index < excluded ? index : index + 1;
  }

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
