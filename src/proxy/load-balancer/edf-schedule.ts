/**
 * Earliest deadline first: turns by weight, spread as evenly as they can be. Entry `i` of weight `w` has its turns at
 * (k + 1/2) / w, k from 0, so that in any time each has had its share but for less than one turn. Choosing takes
 * logarithmic time.
 */

export class EdfSchedule {
  /** As they were at each entry's last turn. */
  readonly #weights: Float64Array;
  /** Where each entry began to count its turns with its present weight. */
  readonly #bases: Float64Array;
  readonly #turns: Float64Array;
  readonly #deadlines: Float64Array;
  /** Entries in a heap: the next one stands first. Of equal deadlines the lower index comes first. */
  readonly #heap: Uint32Array;

  /** Weights are above 0; there is at least one. */
  constructor(weights: Float64Array) {
    this.#weights = Float64Array.from(weights);
    this.#bases = new Float64Array(weights.length);
    this.#turns = new Float64Array(weights.length);
    this.#deadlines = weights.map((weight) => 0.5 / weight);
    this.#heap = Uint32Array.from(weights, (_, index) => index);
    for (let at = (weights.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** Whose turn it is. It stays that one's until `advance`. */
  get next(): number {
    return this.#heap[0]!;
  }

  /** The next one has had its turn. `weight`: what it weighs from now on. */
  advance(weight: number): void {
    const index = this.#heap[0]!;
    if (this.#weights[index] !== weight) {
      // Turns that came by another weight do not count for this one: its next is one interval away.
      this.#weights[index] = weight;
      this.#bases[index] = this.#deadlines[index]! + 0.5 / weight;
      this.#turns[index] = 0;
    } else {
      this.#turns[index]! += 1;
    }
    // Divided anew each time: sums of rounded intervals would drift, and turns with them.
    const turn = this.#turns[index]!;
    this.#deadlines[index] = this.#bases[index]! + (turn + 0.5) / weight;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(child, at)) return;
      const kept = heap[at]!;
      heap[at] = heap[child]!;
      heap[child] = kept;
      at = child;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#heap[a]!;
    const second = this.#heap[b]!;
    const firstAt = this.#deadlines[first]!;
    const secondAt = this.#deadlines[second]!;
    return firstAt === secondAt ? first < second : firstAt < secondAt;
  }
}
