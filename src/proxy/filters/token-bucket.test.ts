import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../core/clock.ts";
import { SeededPrng } from "../../core/prng.ts";
import { TokenBucket } from "./token-bucket.ts";

function taken(bucket: TokenBucket, nowMs: number): boolean {
  if (!bucket.has(nowMs)) return false;
  bucket.take(nowMs);
  return true;
}

test("it is full at first, and then gives a token in each interval", () => {
  const bucket = new TokenBucket({ tokensMax: 2, intervalMs: 100 }, 1_000);
  assert.deepEqual(
    [1, 2, 3].map(() => taken(bucket, 1_000)),
    [true, true, false],
  );
  assert.equal(bucket.waitMs(1_000), 100);
  assert.equal(taken(bucket, 1_099.9), false);
  assert.equal(taken(bucket, 1_100), true);
  assert.equal(bucket.remaining(1_100), 0);
  assert.equal(bucket.remaining(1_250), 1);
  assert.equal(bucket.isFull(1_299), false);
  assert.equal(bucket.isFull(1_300), true);
  assert.equal(bucket.remaining(9_999), 2);
});

test("a bucket of no size never has a token", () => {
  const bucket = new TokenBucket({ tokensMax: 0, intervalMs: 100 }, 0);
  assert.equal(taken(bucket, 1e9), false);
  assert.equal(bucket.remaining(1e9), 0);
  assert.equal(bucket.waitMs(1e9), Number.POSITIVE_INFINITY);
});

test("what was taken beyond what is there is owed", () => {
  const bucket = new TokenBucket({ tokensMax: 10, intervalMs: 1 }, 0);
  bucket.take(0, 30);
  assert.equal(bucket.waitMs(0), 21);
  assert.equal(bucket.remaining(15), 0);
  assert.equal(bucket.remaining(25), 5);
});

test("100 a second hold within 2 % over 30 s when 1,000 a second come, whenever they come", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(1e9), (seed, startMs) => {
      const prng = new SeededPrng(seed);
      const clock = new ManualClock();
      const now = () => startMs + clock.monotonicMs();
      const bucket = new TokenBucket({ tokensMax: 50, intervalMs: 10 }, now());
      let allowed = 0;
      for (let offered = 0; offered < 30_000; offered++) {
        // Exponential gaps of 1 ms: they come by chance.
        clock.advance(-Math.log(1 - prng.next()));
        if (taken(bucket, now())) allowed += 1;
      }
      const expected = clock.monotonicMs() / 10;
      const deviation = Math.abs(allowed - expected) / expected;
      assert.ok(deviation <= 0.02, `${allowed} of ${expected}`);
    }),
    { numRuns: 20 },
  );
});

test("never more than burst and rate allow in any window, and all that they allow when enough come", () => {
  const rates = fc.record({
    tokensMax: fc.integer({ min: 1, max: 50 }),
    perSecond: fc.integer({ min: 1, max: 1_000 }),
  });
  const gaps = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 300 });
  fc.assert(
    fc.property(rates, gaps, ({ tokensMax, perSecond }, gapsMs) => {
      const intervalMs = 1_000 / perSecond;
      const bucket = new TokenBucket({ tokensMax, intervalMs }, 0);
      const grantedAtMs: number[] = [];
      let nowMs = 0;
      // A model with a plain number of tokens.
      let tokens = tokensMax;
      for (const gapMs of gapsMs) {
        nowMs += gapMs;
        tokens = Math.min(tokensMax, tokens + gapMs / intervalMs);
        const isTaken = taken(bucket, nowMs);
        // At the border itself rounding may decide.
        if (Math.abs(tokens - 1) > 1e-3) assert.equal(isTaken, tokens >= 1);
        if (!isTaken) continue;
        tokens -= 1;
        grantedAtMs.push(nowMs);
      }
      for (const [from, fromMs] of grantedAtMs.entries()) {
        const count = grantedAtMs.length - from;
        assert.ok(count <= tokensMax + (nowMs - fromMs) / intervalMs + 1e-3);
      }
    }),
  );
});
