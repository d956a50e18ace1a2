import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EdfSchedule } from "./edf-schedule.ts";

function turns(weights: readonly number[], count: number): number[] {
  const schedule = new EdfSchedule(Float64Array.from(weights));
  return Array.from({ length: count }, () => {
    const index = schedule.next;
    schedule.advance(weights[index]!);
    return index;
  });
}

test("the same turns come again after as many as all weights together, for ever", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, (list) => {
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const found = turns(list, 5 * total);
      for (let i = total; i < found.length; i++) assert.equal(found[i], found[i - total]);
      for (const [index, weight] of list.entries()) {
        const count = found.slice(0, total).filter((turn) => turn === index).length;
        assert.equal(count, weight);
      }
    }),
  );
});

test("no prefix is more than one turn off anybody's share", () => {
  for (const weights of [
    [5, 1, 1],
    [1, 2, 3, 4],
    [100, 1],
  ]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const counts = weights.map(() => 0);
    for (const [at, turn] of turns(weights, 3 * total).entries()) {
      counts[turn]! += 1;
      for (const [index, weight] of weights.entries()) {
        const wanted = ((at + 1) * weight) / total;
        assert.ok(Math.abs(counts[index]! - wanted) <= 1, `${weights} at ${at}`);
      }
    }
  }
});

test("a weight that changes counts from the entry's next turn on", () => {
  const schedule = new EdfSchedule(Float64Array.from([1, 1]));
  const counts = [0, 0];
  for (let i = 0; i < 400; i++) {
    const index = schedule.next;
    counts[index]! += 1;
    schedule.advance(index === 0 ? 3 : 1);
  }
  assert.ok(Math.abs(counts[0]! - 300) <= 2, String(counts));
});
