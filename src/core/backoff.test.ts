/** Delays double up to a ceiling, with full jitter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";
import { SeededPrng } from "./prng.ts";

const highest = { next: () => 1 - Number.EPSILON };

test("the ceiling doubles from the base to the maximum, and a success starts anew", () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, prng: highest });
  const delays = [100, 200, 400, 800, 1_000, 1_000];
  for (const delayMs of delays) assert.equal(Math.round(backoff.nextMs()), delayMs);
  backoff.reset();
  assert.equal(Math.round(backoff.nextMs()), 100);
});

test("it stays at the maximum however often it is asked", () => {
  const backoff = new Backoff({ baseMs: 1, maxMs: 60_000, prng: highest });
  for (let i = 0; i < 5_000; i++) assert.ok(backoff.nextMs() <= 60_000);
  assert.equal(Math.round(backoff.nextMs()), 60_000);
});

test("delays are spread evenly below the ceiling, down to none", () => {
  const backoff = new Backoff({ baseMs: 1_000, maxMs: 1_000, prng: new SeededPrng(7) });
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[Math.floor(backoff.nextMs() / 100)]! += 1;
  for (const count of counts) assert.ok(count > 850 && count < 1_150, String(counts));
});
