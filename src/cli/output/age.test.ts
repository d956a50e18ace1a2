import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatSpan } from "./age.ts";

test("spans are short, and exact enough near a unit's border", () => {
  const cases: readonly (readonly [number, string])[] = [
    [-5, "0s"],
    [999, "0s"],
    [119_000, "119s"],
    [120_000, "2m"],
    [450_000, "7m30s"],
    [3_600_000, "60m"],
    [12_000_000, "3h20m"],
    [47 * 3_600_000, "47h"],
    [48 * 3_600_000, "2d"],
  ];
  for (const [ms, expected] of cases) assert.equal(formatSpan(ms), expected, String(ms));
});

test("an instant that is missing or unreadable has no age", () => {
  assert.equal(formatAge(undefined, 0), "-");
  assert.equal(formatAge(null, 0), "-");
  assert.equal(formatAge("yesterday", 0), "-");
  assert.equal(formatAge("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:09Z")), "9s");
});
