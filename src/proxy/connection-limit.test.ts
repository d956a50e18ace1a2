/** The bound on connections of a proxy: exact, given back, and shared by workers without a rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLimit, connectionsMaxOf, shareOfLimit } from "./connection-limit.ts";

test("so many connections and no more, until one leaves", () => {
  const limit = new ConnectionLimit(2);
  assert.deepEqual([limit.tryEnter(), limit.tryEnter(), limit.tryEnter()], [true, true, false]);
  assert.equal(limit.active, 2);
  limit.leave();
  assert.deepEqual([limit.tryEnter(), limit.tryEnter()], [true, false]);
});

test("without a bound all enter", () => {
  const limit = new ConnectionLimit(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 10_000; i++) assert.ok(limit.tryEnter());
});

test("the shares of workers add up to the whole", () => {
  for (const [max, workers] of [
    [10, 1],
    [10, 3],
    [1_000, 64],
    [64, 64],
  ] as const) {
    const shares = Array.from({ length: workers }, (_, index) => shareOfLimit(max, workers, index));
    assert.equal(
      shares.reduce((a, b) => a + b),
      max,
    );
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
  }
  assert.equal(shareOfLimit(2, 4, 3), 1);
  assert.equal(shareOfLimit(Number.POSITIVE_INFINITY, 4, 3), Number.POSITIVE_INFINITY);
});

test("without a configured bound, memory and descriptors give one to each process", () => {
  const second = { index: 1, count: 2 };
  assert.equal(connectionsMaxOf(undefined, 1_048_576, second), 50_000);
  assert.equal(connectionsMaxOf(undefined, Number.POSITIVE_INFINITY, second), 50_000);
  assert.equal(connectionsMaxOf(undefined, 1_024, second), 448);
  assert.equal(connectionsMaxOf(undefined, 64, second), 1);
  assert.equal(connectionsMaxOf(5, 1_024, second), 2);
});
