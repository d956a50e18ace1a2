/**
 * MT19937 of Matsumoto and Nishimura, which C++ calls std::mt19937. Envoy orders the endpoints that it probes for a
 * bounded load by it; a request takes the same way here.
 */

const SIZE = 624;
const MIDDLE = 397;
const MATRIX = 0x9908b0df | 0;
const SEED_FACTOR = 1_812_433_253;
const RANGE = 0x1_0000_0000;

export class MersenneTwister {
  readonly #state = new Uint32Array(SIZE);
  #at = SIZE;

  seed(seed: number): void {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const last = state[i - 1]!;
      state[i] = Math.imul(SEED_FACTOR, last ^ (last >>> 30)) + i;
    }
    this.#at = SIZE;
  }

  /** An integer of 32 bits, unsigned. */
  next(): number {
    if (this.#at === SIZE) this.#twist();
    let value = this.#state[this.#at]!;
    this.#at += 1;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  /** Uniform from 0 to `count` - 1. */
  below(count: number): number {
    const width = Math.floor(RANGE / count);
    for (;;) {
      const value = Math.floor(this.next() / width);
      if (value < count) return value;
    }
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < SIZE; i++) {
      const next = state[(i + 1) % SIZE]!;
      const joined = (state[i]! & 0x80000000) | (next & 0x7fffffff);
      const shifted = (joined >>> 1) ^ ((joined & 1) === 0 ? 0 : MATRIX);
      state[i] = state[(i + MIDDLE) % SIZE]! ^ shifted;
    }
    this.#at = 0;
  }
}
