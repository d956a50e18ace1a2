/** The threshold of the success rate, by the example in Envoy's documentation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { successRateThreshold } from "./outlier-statistics.ts";

const rates = (...values: readonly number[]) =>
  values.map((successRate) => ({ successRate, volume: 100 }));

test("the threshold lies so many standard deviations below the mean", () => {
  assert.equal(successRateThreshold(rates(50, 100, 100, 100, 100), 1.9), 52);
  assert.equal(successRateThreshold(rates(90, 90, 90), 1.9), 90);
});
