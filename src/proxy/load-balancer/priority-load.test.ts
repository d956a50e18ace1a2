/** How load spills from one priority to the next: Envoy's own examples, and what holds for all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { divideLoad, type PriorityHealth } from "./priority-load.ts";

function priority(total: number, healthy: number, degraded = 0): PriorityHealth {
  return {
    ...{ totalWeight: total, healthyWeight: healthy, degradedWeight: degraded },
    ...{ total, healthy, degraded, overprovisioning: 140 },
  };
}

/** Percent of each priority, `!` for one in panic. */
function loads(...priorities: readonly PriorityHealth[]): readonly string[] {
  return divideLoad(priorities, 0.5).map(
    ({ healthy, degraded, isInPanic }) => `${healthy}+${degraded}${isInPanic ? "!" : ""}`,
  );
}

test("the first priority has everything until more of it is out than it can stand in for", () => {
  // Envoy's table for two priorities: 72 % healthy is enough, 71 % is not.
  assert.deepEqual(loads(priority(100, 100), priority(100, 100)), ["100+0", "0+0"]);
  assert.deepEqual(loads(priority(100, 72), priority(100, 72)), ["100+0", "0+0"]);
  assert.deepEqual(loads(priority(100, 71), priority(100, 71)), ["99+0", "1+0"]);
  assert.deepEqual(loads(priority(100, 50), priority(100, 50)), ["70+0", "30+0"]);
  assert.deepEqual(loads(priority(100, 25), priority(100, 100)), ["35+0", "65+0"]);
  assert.deepEqual(loads(priority(100, 0), priority(100, 100)), ["0+0", "100+0"]);
});

test("where there is too little for all, each has its part of what there is, and may panic", () => {
  assert.deepEqual(loads(priority(100, 25), priority(100, 25)), ["50+0!", "50+0!"]);
  assert.deepEqual(loads(priority(100, 5), priority(100, 65)), ["8+0!", "92+0"]);
});

test("degraded endpoints get what healthy ones cannot take", () => {
  assert.deepEqual(loads(priority(10, 10, 0)), ["100+0"]);
  assert.deepEqual(loads(priority(10, 5, 5)), ["70+30"]);
  assert.deepEqual(loads(priority(10, 5, 5), priority(10, 10)), ["70+0", "30+0"]);
  assert.deepEqual(loads(priority(10, 0, 10)), ["0+100"]);
});

test("when all panic, load goes by the number of endpoints", () => {
  assert.deepEqual(loads(priority(30, 0), priority(10, 0)), ["75+0!", "25+0!"]);
  assert.deepEqual(loads(priority(1, 0), priority(2, 0)), ["34+0!", "66+0!"]);
});

test("without priorities there is no load", () => {
  assert.deepEqual(divideLoad([], 0.5), []);
});

test("without panic the first priority has what nobody can take", () => {
  const divided = divideLoad([priority(2, 0), priority(2, 0)], 0);
  assert.deepEqual(divided, [
    { healthy: 100, degraded: 0, isInPanic: false },
    { healthy: 0, degraded: 0, isInPanic: false },
  ]);
});

test("weights stand for health where they are asked to", () => {
  const heavy = { ...priority(2, 1), totalWeight: 10, healthyWeight: 9 };
  assert.deepEqual(loads(heavy, priority(1, 1)), ["100+0", "0+0"]);
});

test("loads are 100 together, whatever the health", () => {
  const counts = fc.tuple(fc.nat(50), fc.nat(50), fc.nat(50));
  const list = fc.array(counts, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(list, fc.constantFrom(0, 0.01, 0.5, 1), (tuples, panicThreshold) => {
      const priorities = tuples.map(([healthy, degraded, out]) =>
        priority(healthy + degraded + out, healthy, degraded),
      );
      const divided = divideLoad(priorities, panicThreshold);
      assert.equal(divided.length, priorities.length);
      const sum = divided.reduce((all, each) => all + each.healthy + each.degraded, 0);
      assert.equal(sum, 100);
    }),
  );
});
