/** The greatest of the last values, at a cost that does not depend on how many those are. */

export class RecentPeak {
  readonly #values: number;
  #left: number;
  #peak = 0;
  #peakBefore = 0;

  /** A peak is remembered for `values` values at least, and for twice as many at most. */
  constructor(values: number) {
    this.#values = values;
    this.#left = values;
  }

  /** Whether no greater one came lately. */
  isReachedBy(value: number): boolean {
    if (this.#left === 0) {
      this.#left = this.#values;
      this.#peakBefore = this.#peak;
      this.#peak = 0;
    }
    this.#left -= 1;
    if (value > this.#peak) this.#peak = value;
    return value >= this.#peak && value >= this.#peakBefore;
  }
}
