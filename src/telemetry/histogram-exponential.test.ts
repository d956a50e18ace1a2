/** Exponential histograms: every value lies in its bucket, at any resolution, and two of them are one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ExponentialCounts,
  type ExponentialSnapshot,
  mergeExponential,
} from "./histogram-exponential.ts";

const values = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 60 });
const EPSILON = 1e-9;

function counted(list: readonly number[]): ExponentialSnapshot {
  const counts = new ExponentialCounts();
  for (const value of list) counts.add(value);
  return counts.snapshot();
}

/** Whether the values, sorted, can be those of the buckets. */
function checkHolds(
  { scale, zeroCount, offset, counts }: ExponentialSnapshot,
  list: number[],
): void {
  const positive = list.filter((value) => value > 0).sort((a, b) => a - b);
  assert.equal(zeroCount, list.length - positive.length);
  assert.ok(counts.length <= 160);
  let next = 0;
  for (const [at, count] of counts.entries()) {
    const [lower, upper] = [offset + at, offset + at + 1].map((index) => index / 2 ** scale);
    for (const end = next + count; next < end; next++) {
      const log = Math.log2(positive[next] ?? Number.NaN);
      assert.ok(log > lower! - EPSILON && log <= upper! + EPSILON, `${positive[next]} in ${at}`);
    }
  }
  assert.equal(next, positive.length);
}

test("every value is in the bucket that its bounds say", () => {
  fc.assert(fc.property(values, (list) => checkHolds(counted(list), list)));
});

test("two are what one would have counted, at its resolution or a coarser one", () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = mergeExponential(counted(a), counted(b));
      checkHolds(merged, [...a, ...b]);
      assert.ok(merged.scale <= counted([...a, ...b]).scale);
    }),
  );
});

test("one value keeps the finest resolution, a wide range gives it up", () => {
  assert.equal(counted([5, 5.001]).scale, 8);
  const { scale } = counted([1e-3, 1e9]);
  assert.ok(scale >= 1 && scale <= 2, String(scale));
});
