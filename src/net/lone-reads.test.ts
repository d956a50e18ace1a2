/** When a read is taken for the only one of its turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoneReads } from "./lone-reads.ts";

/** A turn with so many reads. Returns whether each was taken for the only one. */
function turn(reads: LoneReads, count: number): boolean[] {
  const alone = Array.from({ length: count }, () => reads.isNextAlone());
  // Where none waits for the turn's end, nobody tells of it.
  if (alone.includes(false)) reads.onTurnEnd();
  return alone;
}

function afterSingleTurns(count: number): LoneReads {
  const reads = new LoneReads();
  for (let i = 0; i < count; i++) assert.deepEqual(turn(reads, 1), [false]);
  return reads;
}

test("64 turns with a single read make the next reads lone ones", () => {
  assert.deepEqual(turn(afterSingleTurns(64), 1), [true]);
});

test("a turn with two reads among them, and it takes 64 more", () => {
  const reads = afterSingleTurns(63);
  turn(reads, 2);
  for (let i = 0; i < 64; i++) assert.deepEqual(turn(reads, 1), [false]);
  assert.deepEqual(turn(reads, 1), [true]);
});

test("a turn that nothing was read in changes nothing", () => {
  const reads = afterSingleTurns(63);
  reads.onTurnEnd();
  assert.deepEqual(turn(reads, 1), [false]);
  assert.deepEqual(turn(reads, 1), [true]);
});

test("one of sixteen waits for the end of its turn, and they stay alone when it was", () => {
  const reads = afterSingleTurns(64);
  const alone = Array.from({ length: 33 }, () => turn(reads, 1)[0]);
  const waiting = alone.flatMap((isAlone, i) => (isAlone === false ? [i] : []));
  assert.deepEqual(waiting, [15, 31]);
});

test("one that waits and was not the only one ends it", () => {
  const reads = afterSingleTurns(64);
  for (let i = 0; i < 15; i++) assert.deepEqual(turn(reads, 1), [true]);
  assert.deepEqual(turn(reads, 2), [false, false]);
  assert.deepEqual(turn(reads, 1), [false]);
});
