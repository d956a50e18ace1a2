/** Randomness is passed in like time. Not for secrets: those come from `node:crypto`. */

export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
}

/** xorshift128+ reduced to 32 bits of output: small, fast and repeatable from its seed. */
export class SeededPrng implements Prng {
  #a: number;
  #b: number;

  constructor(seed: number) {
    this.#a = (seed ^ 0x9e3779b9) | 0 || 1;
    this.#b = Math.imul(seed | 0, 0x85ebca6b) ^ 0xc2b2ae35 || 1;
    for (let i = 0; i < 16; i++) this.next();
  }

  next(): number {
    let x = this.#a;
    const y = this.#b;
    this.#a = y;
    x ^= x << 23;
    x ^= x >>> 17;
    x ^= y ^ (y >>> 26);
    this.#b = x;
    return ((x + y) >>> 0) / 0x1_0000_0000;
  }
}
