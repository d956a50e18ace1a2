/** xxHash64 against published values, and against a plain one in BigInt for all the lengths that take another way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashModulo, XxHash64 } from "./xxhash64.ts";

const PRIMES = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;

const wrapped = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotated = (value: bigint, bits: bigint): bigint =>
  wrapped(value << bits) | (value >> (64n - bits));

function round(lane: bigint, input: bigint): bigint {
  return wrapped(rotated(wrapped(lane + input * PRIMES[1]), 31n) * PRIMES[0]);
}

/** The specification, line by line. */
function reference(text: string, seed: bigint): bigint {
  const [p1, p2, p3, p4, p5] = PRIMES;
  const bytes = Buffer.from(text, "latin1");
  let at = 0;
  let hash = wrapped(seed + p5);
  if (bytes.length >= 32) {
    let lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map(wrapped);
    for (; at + 32 <= bytes.length; at += 32) {
      lanes = lanes.map((lane, index) => round(lane, bytes.readBigUInt64LE(at + 8 * index)));
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    hash = wrapped(rotated(a, 1n) + rotated(b, 7n) + rotated(c, 12n) + rotated(d, 18n));
    for (const lane of lanes) hash = wrapped((hash ^ round(0n, lane)) * p1 + p4);
  }
  hash = wrapped(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = wrapped(rotated(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * p1 + p4);
  }
  if (at + 4 <= bytes.length) {
    hash = wrapped(rotated(hash ^ wrapped(BigInt(bytes.readUInt32LE(at)) * p1), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = wrapped(rotated(hash ^ wrapped(BigInt(bytes[at]!) * p5), 11n) * p1);
  }
  hash = wrapped((hash ^ (hash >> 33n)) * p2);
  hash = wrapped((hash ^ (hash >> 29n)) * p3);
  return hash ^ (hash >> 32n);
}

const hasher = new XxHash64();

function hashOf(text: string, seed = 0, seedHigh = 0): bigint {
  hasher.hash(text, seed, seedHigh);
  return (BigInt(hasher.high) << 32n) | BigInt(hasher.low);
}

test("published values come out", () => {
  const published: readonly (readonly [string, number, bigint])[] = [
    ["", 0, 0xef46db3751d8e999n],
    ["", 1, 0xd5afba1336a3be4bn],
    ["a", 0, 0xd24ec4f1a98c6e5bn],
    ["abc", 0, 0x44bc2cf5ad770999n],
    ["asdf", 0, 0x415872f599cea71en],
    ["xxhash", 0, 0x32dd38952c4bc720n],
    ["xxhash", 20_141_025, 0xb559b98d844e0635n],
    ["Nobody inspects the spammish repetition", 0, 0xfbcea83c8a378bf1n],
    ["Call me Ishmael. Some years ago--never mind how long precisely-", 0, 0x02a2e85470d6fd96n],
  ];
  for (const [text, seed, expected] of published) {
    assert.equal(hashOf(text, seed).toString(16), expected.toString(16), text);
  }
});

test("any bytes of any length hash as the specification says", () => {
  const bytes = fc.uint8Array({ maxLength: 130 });
  const seeds = fc.constantFrom(0, 1, 0xffff_ffff);
  fc.assert(
    fc.property(bytes, seeds, seeds, (input, seed, seedHigh) => {
      const text = Buffer.from(input).toString("latin1");
      const whole = (BigInt(seedHigh) << 32n) | BigInt(seed);
      assert.equal(hashOf(text, seed, seedHigh), reference(text, whole));
    }),
    { numRuns: 2_000 },
  );
});

test("the rest of a division is exact for all of 64 bits", () => {
  const word = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 5_000_011 }), (high, low, divisor) => {
      const whole = (BigInt(high) << 32n) | BigInt(low);
      assert.equal(BigInt(hashModulo(high, low, divisor)), whole % BigInt(divisor));
    }),
  );
});
