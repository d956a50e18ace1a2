import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeSettings, settingLeaves } from "./merge-settings.ts";

test("an inner layer goes before, field by field; lists are replaced whole", () => {
  const base = { a: { x: 1, y: 2 }, list: [1, 2], kept: true };
  const over = { a: { y: 3 }, list: [9], added: { z: 1 }, nothing: undefined };
  assert.deepEqual(mergeSettings(base, over), {
    a: { x: 1, y: 3 },
    list: [9],
    kept: true,
    added: { z: 1 },
  });
  assert.deepEqual(base, { a: { x: 1, y: 2 }, list: [1, 2], kept: true });
});

test("leaves carry their path; an empty group is a leaf", () => {
  assert.deepEqual(settingLeaves({ a: { b: 1, c: { d: [2] } }, e: {}, f: undefined }), [
    { path: "a.b", value: 1 },
    { path: "a.c.d", value: [2] },
    { path: "e", value: {} },
  ]);
});
