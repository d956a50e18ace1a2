/** Durations of GEP-2257: read, and written in their shortest form. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { durationMs, formatDuration, parseDuration } from "./duration.ts";

test("units add up, in any order", () => {
  for (const [text, ms] of [
    ["0s", 0],
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1h2m3s4ms", 3_723_004],
    ["4ms1h", 3_600_004],
    ["1s1s", 2000],
    ["99999h", 359_996_400_000],
  ] as const) {
    assert.equal(parseDuration(text), ms, text);
  }
});

test("what GEP-2257 does not allow is no duration", () => {
  for (const text of ["", "10", "1.5s", "-1s", "+1s", "1d", "100000s", "1h1h1h1h1h", "1 s", "1S"]) {
    assert.equal(parseDuration(text), undefined, text);
  }
  assert.throws(() => durationMs("soon"));
});

test("what is written is read back", () => {
  assert.equal(formatDuration(90_000), "1m30s");
  assert.equal(formatDuration(0), "0s");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 359_999_999 }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms)), ms);
    }),
  );
});
