/** Which bucket a value falls into. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_BOUNDS, Histogram } from "./histogram.ts";

test("a bound belongs to the bucket below it", () => {
  const histogram = new Histogram([1, 10]);
  for (const value of [-1, 0, 1]) histogram.observe(value);
  for (const value of [1.1, 10]) histogram.observe(value);
  histogram.observe(10.1);
  assert.deepEqual([...histogram.counts], [3, 2, 1]);
  assert.equal(histogram.count, 6);
  assert.equal(histogram.sum, 21.2);
});

test("the default bounds rise, and are Envoy's", () => {
  assert.equal(DEFAULT_BOUNDS.length, 19);
  assert.deepEqual(
    [...DEFAULT_BOUNDS],
    DEFAULT_BOUNDS.toSorted((a, b) => a - b),
  );
});

test("every value is in exactly the bucket that a search finds", () => {
  const values = fc.array(fc.double({ min: -10, max: 1e8, noNaN: true }), { maxLength: 50 });
  fc.assert(
    fc.property(values, (list) => {
      const histogram = new Histogram();
      const counts = new Array<number>(DEFAULT_BOUNDS.length + 1).fill(0);
      for (const value of list) {
        histogram.observe(value);
        const found = DEFAULT_BOUNDS.findIndex((bound) => value <= bound);
        counts[found < 0 ? DEFAULT_BOUNDS.length : found]! += 1;
      }
      assert.deepEqual([...histogram.counts], counts);
      assert.equal(histogram.count, list.length);
    }),
  );
});
