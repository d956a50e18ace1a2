import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBuffer, takeBuffer } from "./buffer-pool.ts";

test("a buffer is used again only after it was given back, for what it is large enough for", () => {
  for (const [length, other] of [
    [10_000, 60_000],
    [10, 4_000],
  ] as const) {
    const [a, b] = [takeBuffer(length), takeBuffer(length)];
    assert.ok(a.buffer !== b.buffer);
    giveBuffer(a);
    const again = takeBuffer(other);
    assert.ok(again.buffer === a.buffer);
    assert.equal(again.length, other);
  }
});

test("small and large ones are not mixed up, and huge ones are not kept", () => {
  const small = takeBuffer(10);
  giveBuffer(small);
  assert.ok(takeBuffer(10_000).buffer !== small.buffer);
  const huge = takeBuffer(1_000_000);
  assert.equal(huge.length, 1_000_000);
  giveBuffer(huge);
  assert.ok(takeBuffer(10_000).buffer !== huge.buffer);
});
