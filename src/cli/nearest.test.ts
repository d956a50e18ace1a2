import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("typing slips find their word", () => {
  const words = ["apply", "delete", "describe", "services", "httproutes", "v1", "v2"];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["aplpy", "apply"],
    ["descirbe", "describe"],
    ["servces", "services"],
    ["HTTPRoute", "httproutes"],
    ["desc", "describe"],
    ["v3", "v1"],
    ["frobnicate", undefined],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [typed, expected] of cases) assert.equal(nearest(typed, words), expected, typed);
});
