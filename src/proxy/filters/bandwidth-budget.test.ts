import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "./bandwidth-budget.ts";

test("bytes come with time, and no more are there than two slices bring", () => {
  const budget = new ByteBudget(10_000, 0);
  assert.equal(budget.take(9_999, 0), 500);
  assert.equal(budget.take(9_999, 10), 100);
  assert.equal(budget.take(30, 20), 30);
  assert.equal(budget.take(9_999, 5_000), 1_000);
  budget.giveBack(200);
  assert.equal(budget.take(9_999, 5_000), 200);
});

test("streams share it: none takes all, and none gets nothing where there is a byte", () => {
  const budget = new ByteBudget(20_000, 0);
  for (let i = 0; i < 4; i++) budget.enter();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => budget.take(9_999, 0)),
    [250, 187, 140, 105],
  );
  budget.leave();
  // Two slices at most are there, for three.
  assert.equal(budget.take(9_999, 1_000), 666);
  const slow = new ByteBudget(40, 0);
  for (let i = 0; i < 9; i++) slow.enter();
  assert.deepEqual(
    [1, 2, 3].map(() => slow.take(10, 0)),
    [1, 1, 0],
  );
});

test("over time the whole rate is used, however many share it", () => {
  for (const streams of [1, 3, 40]) {
    const budget = new ByteBudget(100_000, 0);
    for (let i = 0; i < streams; i++) budget.enter();
    let taken = 0;
    for (let nowMs = 50; nowMs <= 10_000; nowMs += 50) {
      for (let i = 0; i < streams; i++) taken += budget.take(100_000, nowMs);
    }
    assert.ok(Math.abs(taken - 1_000_000) <= 20_000, `${streams} streams: ${taken}`);
  }
});
