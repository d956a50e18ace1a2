import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { KeyedTokenBuckets, TokenBucket } from "./token-bucket.ts";

function takes(bucket: { tryTake(): boolean }): number {
  let count = 0;
  while (bucket.tryTake()) count += 1;
  return count;
}

test("a bucket gives its burst at once and refills at its rate", () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ burst: 10, perSecond: 4, clock });
  assert.equal(takes(bucket), 10);
  clock.advance(249);
  assert.equal(takes(bucket), 0);
  clock.advance(1);
  assert.equal(takes(bucket), 1);
  clock.advance(1_000);
  assert.equal(takes(bucket), 4);
  clock.advance(3_600_000);
  assert.equal(takes(bucket), 10);
});

test("keys do not take from each other, and full buckets make room", () => {
  const clock = new ManualClock();
  const buckets = new KeyedTokenBuckets({ burst: 2, perSecond: 1, clock, keysMax: 2 });
  assert.equal(takes({ tryTake: () => buckets.tryTake("a") }), 2);
  assert.equal(takes({ tryTake: () => buckets.tryTake("b") }), 2);
  assert.equal(buckets.tryTake("c"), false);
  clock.advance(2_000);
  assert.equal(buckets.tryTake("c"), true);
  assert.equal(buckets.tryTake("a"), true);
});
