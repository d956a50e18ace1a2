/** Exponential backoff with full jitter: each delay is uniform between zero and a doubling ceiling. */
import type { Prng } from "./prng.ts";

export class Backoff {
  readonly #baseMs: number;
  readonly #ceilingMs: number;
  readonly #prng: Prng;
  #attempts = 0;

  constructor(options: { readonly baseMs: number; readonly maxMs: number; readonly prng: Prng }) {
    this.#baseMs = options.baseMs;
    this.#ceilingMs = options.maxMs;
    this.#prng = options.prng;
  }

  /** The delay before the next attempt, in milliseconds. */
  nextMs(): number {
    const ceilingMs = Math.min(this.#ceilingMs, this.#baseMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return this.#prng.next() * ceilingMs;
  }

  /** Call after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}
