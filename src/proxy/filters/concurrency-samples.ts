/** The last latencies of an interval, and what most of them stay below. */

export class LatencySamples {
  readonly #values: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;
  #at = 0;

  constructor(max: number) {
    this.#values = new Float64Array(max);
    this.#sorted = new Float64Array(max);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#values.length;
  }

  /** In the place of the oldest when there are as many as are kept. */
  add(value: number): void {
    this.#values[this.#at] = value;
    this.#at = (this.#at + 1) % this.#values.length;
    if (this.#count < this.#values.length) this.#count += 1;
  }

  /** The value at or below which this share of the samples is; 0 when there is none. */
  quantile(share: number): number {
    if (this.#count === 0) return 0;
    const sorted = this.#sorted.subarray(0, this.#count);
    sorted.set(this.#values.subarray(0, this.#count));
    sorted.sort();
    return sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))]!;
  }

  clear(): void {
    this.#count = 0;
    this.#at = 0;
  }
}
