/** Randomness is passed in like time. Not for secrets: those come from `node:crypto`. */

export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
}

/** xoshiro128** of Blackman and Vigna: small, fast, with a period of 2^128 - 1, and repeatable from its seed. */
export class SeededPrng implements Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` counts as a 32-bit integer. */
  constructor(seed: number) {
    this.#a = mixed(seed, 1);
    this.#b = mixed(seed, 2);
    this.#c = mixed(seed, 3);
    // The state must not be all zeros.
    this.#d = mixed(seed, 4) || 1;
  }

  next(): number {
    const b = this.#b;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9);
    this.#c ^= this.#a;
    this.#d ^= b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= b << 9;
    this.#d = rotated(this.#d, 11);
    return (result >>> 0) / 0x1_0000_0000;
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The finalizer of MurmurHash3 over a Weyl sequence: near seeds give states that share nothing. */
function mixed(seed: number, index: number): number {
  let word = (seed + Math.imul(index, 0x9e3779b9)) | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
