/**
 * xxHash64 of texts in wire form (a character a byte), as Envoy hashes keys and endpoints: both choose the same endpoint
 * only when every bit is the same. A number of JavaScript has 53 bits, so that each value of 64 is kept in two halves;
 * BigInt would allocate for each step.
 */

/** The five primes of the algorithm, upper and lower half. */
const P1_HIGH = 0x9e3779b1 | 0;
const P1_LOW = 0x85ebca87 | 0;
const P2_HIGH = 0xc2b2ae3d | 0;
const P2_LOW = 0x27d4eb4f;
const P3_HIGH = 0x165667b1;
const P3_LOW = 0x9e3779f9 | 0;
const P4_HIGH = 0x85ebca77 | 0;
const P4_LOW = 0xc2b2ae63 | 0;
const P5_HIGH = 0x27d4eb2f;
const P5_LOW = 0x165667c5;

/** Bytes that the four lanes take together. */
const STRIPE = 32;

/** A register of 64 bits, and what the algorithm does with it. */
class Register {
  high = 0;
  low = 0;

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.low = sum | 0;
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  }

  multiply(high: number, low: number): void {
    const own = this.low;
    this.high = (multipliedHigh(own, low) + Math.imul(own, high) + Math.imul(this.high, low)) | 0;
    this.low = Math.imul(own, low);
  }

  /** `bits`: from 1 to 31. */
  rotate(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  xor(high: number, low: number): void {
    this.high ^= high;
    this.low ^= low;
  }

  /** One step of a lane. */
  round(high: number, low: number): void {
    const product = Math.imul(low, P2_LOW);
    const productHigh =
      (multipliedHigh(low, P2_LOW) + Math.imul(low, P2_HIGH) + Math.imul(high, P2_LOW)) | 0;
    this.add(productHigh, product);
    this.rotate(31);
    this.multiply(P1_HIGH, P1_LOW);
  }
}

/** Hashes one text after the other; the result of the last stands in `high` and `low`. */
export class XxHash64 {
  readonly #hash = new Register();
  readonly #lanes = [new Register(), new Register(), new Register(), new Register()] as const;
  readonly #scratch = new Register();

  /** The upper 32 bits, unsigned. */
  get high(): number {
    return this.#hash.high >>> 0;
  }

  /** The lower 32 bits, unsigned. */
  get low(): number {
    return this.#hash.low >>> 0;
  }

  /** The seed's halves. */
  hash(text: string, seed = 0, seedHigh = 0): void {
    const hash = this.#hash;
    let at = 0;
    if (text.length >= STRIPE) {
      at = this.#stripes(text, seed, seedHigh);
    } else {
      hash.set(P5_HIGH, P5_LOW);
      hash.add(seedHigh, seed);
    }
    hash.add(0, text.length);
    const scratch = this.#scratch;
    for (; at + 8 <= text.length; at += 8) {
      scratch.set(0, 0);
      scratch.round(wordAt(text, at + 4), wordAt(text, at));
      hash.xor(scratch.high, scratch.low);
      hash.rotate(27);
      hash.multiply(P1_HIGH, P1_LOW);
      hash.add(P4_HIGH, P4_LOW);
    }
    if (at + 4 <= text.length) {
      scratch.set(0, wordAt(text, at));
      scratch.multiply(P1_HIGH, P1_LOW);
      hash.xor(scratch.high, scratch.low);
      hash.rotate(23);
      hash.multiply(P2_HIGH, P2_LOW);
      hash.add(P3_HIGH, P3_LOW);
      at += 4;
    }
    for (; at < text.length; at++) {
      scratch.set(0, text.charCodeAt(at) & 0xff);
      scratch.multiply(P5_HIGH, P5_LOW);
      hash.xor(scratch.high, scratch.low);
      hash.rotate(11);
      hash.multiply(P1_HIGH, P1_LOW);
    }
    avalanche(hash);
  }

  /** Everything that fills whole stripes. Returns where the rest begins. */
  #stripes(text: string, seed: number, seedHigh: number): number {
    const [a, b, c, d] = this.#lanes;
    const hash = this.#hash;
    a.set(P1_HIGH, P1_LOW);
    a.add(P2_HIGH, P2_LOW);
    a.add(seedHigh, seed);
    b.set(P2_HIGH, P2_LOW);
    b.add(seedHigh, seed);
    c.set(seedHigh, seed);
    // The seed minus the first prime, which is the seed plus its complement.
    d.set(~P1_HIGH, ~P1_LOW);
    d.add(0, 1);
    d.add(seedHigh, seed);
    let at = 0;
    for (; at + STRIPE <= text.length; at += STRIPE) {
      a.round(wordAt(text, at + 4), wordAt(text, at));
      b.round(wordAt(text, at + 12), wordAt(text, at + 8));
      c.round(wordAt(text, at + 20), wordAt(text, at + 16));
      d.round(wordAt(text, at + 28), wordAt(text, at + 24));
    }
    hash.set(0, 0);
    const scratch = this.#scratch;
    addRotated(hash, a, 1, scratch);
    addRotated(hash, b, 7, scratch);
    addRotated(hash, c, 12, scratch);
    addRotated(hash, d, 18, scratch);
    merge(hash, a, scratch);
    merge(hash, b, scratch);
    merge(hash, c, scratch);
    merge(hash, d, scratch);
    return at;
  }
}

/** The rest of a hash when it is divided by `divisor`, which is below 2^26. */
export function hashModulo(high: number, low: number, divisor: number): number {
  return ((high % divisor) * (0x1_0000_0000 % divisor) + low) % divisor;
}

function addRotated(hash: Register, lane: Register, bits: number, scratch: Register): void {
  scratch.set(lane.high, lane.low);
  scratch.rotate(bits);
  hash.add(scratch.high, scratch.low);
}

function merge(hash: Register, lane: Register, scratch: Register): void {
  scratch.set(0, 0);
  scratch.round(lane.high, lane.low);
  hash.xor(scratch.high, scratch.low);
  hash.multiply(P1_HIGH, P1_LOW);
  hash.add(P4_HIGH, P4_LOW);
}

function avalanche(hash: Register): void {
  // Shifted right by 33, 29 and 32 bits.
  hash.low ^= hash.high >>> 1;
  hash.multiply(P2_HIGH, P2_LOW);
  const { high } = hash;
  hash.low ^= (hash.low >>> 29) | (high << 3);
  hash.high ^= high >>> 29;
  hash.multiply(P3_HIGH, P3_LOW);
  hash.low ^= hash.high;
}

/** Little-endian. */
function wordAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 0xff) |
    ((text.charCodeAt(at + 1) & 0xff) << 8) |
    ((text.charCodeAt(at + 2) & 0xff) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** The upper 32 bits of the product of two unsigned integers of 32. */
function multipliedHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Each of these sums is below 2^32, so that nothing is lost when it wraps into a signed integer.
  const first = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const second = Math.imul(aLow, bHigh) + (first & 0xffff);
  return (Math.imul(aHigh, bHigh) + (first >>> 16) + (second >>> 16)) | 0;
}
