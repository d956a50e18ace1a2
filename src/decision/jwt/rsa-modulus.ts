/**
 * Whether an RSA modulus may vouch for anybody: large enough to be safe, small enough to be checked quickly, odd, and not
 * made by the chips whose primes can be told from it (ROCA, CVE-2017-15361).
 */
import { RSA_BITS_LEAST, RSA_BITS_MAX } from "../../core/limits.ts";

/** Undefined when it may be used, else a sentence. `bytes` have no leading zeros. */
export function modulusProblem(bytes: Uint8Array): string | undefined {
  const bits = bitLength(bytes);
  if (bits < RSA_BITS_LEAST) {
    return `the modulus has ${bits} bits, ${RSA_BITS_LEAST} are the least`;
  }
  if (bits > RSA_BITS_MAX) return `the modulus has ${bits} bits, ${RSA_BITS_MAX} are allowed`;
  if ((bytes[bytes.length - 1]! & 1) === 0) return "the modulus is even";
  if (isRoca(bytes)) return "the key is of the kind that ROCA breaks (CVE-2017-15361)";
  return undefined;
}

function bitLength(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : bytes.length * 8 - (Math.clz32(bytes[0]!) - 24);
}

/** Primes of such keys are powers of this number modulo a product of small primes, and so is their product. */
const GENERATOR = 65_537;

/** Those for which the powers of the generator are few; of others, nothing can be seen. */
const TELLING_PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/** For each prime the remainders that powers of the generator have. A modulus of other makings has all of them by chance once in 2^27. */
const REMAINDERS: readonly (readonly [number, ReadonlySet<number>])[] = TELLING_PRIMES.map(
  (prime) => [prime, powersOf(GENERATOR % prime, prime)],
);

function isRoca(bytes: Uint8Array): boolean {
  return REMAINDERS.every(([prime, remainders]) => remainders.has(remainder(bytes, prime)));
}

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power);
  return powers;
}

function remainder(bytes: Uint8Array, divisor: number): number {
  let rest = 0;
  for (const byte of bytes) rest = (rest * 256 + byte) % divisor;
  return rest;
}
