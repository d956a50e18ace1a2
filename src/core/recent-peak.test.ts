import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentPeak } from "./recent-peak.ts";

test("a peak is reached again and again, and forgotten when it was long ago", () => {
  const peak = new RecentPeak(3);
  const reached = [5, 4, 5, 4, 4, 4, 4, 4].map((value) => peak.isReachedBy(value));
  assert.deepEqual(reached, [true, false, true, false, false, false, true, true]);
});

test("it rises at once", () => {
  const peak = new RecentPeak(100);
  assert.deepEqual(
    [1, 2, 3, 2, 1].map((value) => peak.isReachedBy(value)),
    [true, true, true, false, false],
  );
});
