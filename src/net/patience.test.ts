/** How many looks at the sockets a writer waits for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Patience } from "./patience.ts";

/** Waits once; `bytesAt` says how much waits behind each look. Returns the looks that it took. */
function waitOnce(patience: Patience, bytesAt: (look: number) => number, lookMs = 0.001): number {
  patience.begin();
  for (let look = 0; ; look++) if (patience.isOver(bytesAt(look), 5 + look * lookMs)) return look;
}

const nothingComes = () => 100;

test("eight looks that bring nothing end a wait; what the turn itself gathered is none", () => {
  assert.equal(waitOnce(new Patience(), nothingComes), 8);
});

test("a message that comes makes it wait for eight looks more", () => {
  assert.equal(
    waitOnce(new Patience(), (look) => (look < 5 ? 100 : 200)),
    13,
  );
});

test("however many come, the first message waits for a tenth of a millisecond and no longer", () => {
  assert.equal(
    waitOnce(new Patience(), (look) => 10 * look, 0.008),
    13,
  );
});

test("with much to do between two looks it waits for two", () => {
  assert.equal(waitOnce(new Patience(), nothingComes, 2), 2);
});

test("what is large already waits for two looks, and what becomes large for none more", () => {
  assert.equal(
    waitOnce(new Patience(), () => 2_000),
    2,
  );
  assert.equal(
    waitOnce(new Patience(), (look) => 250 * look),
    5,
  );
});

test("behind three waits in vain two looks are enough, and each sixteenth wait is long again", () => {
  const patience = new Patience();
  const looks = Array.from({ length: 34 }, () => waitOnce(patience, nothingComes));
  const long = looks.flatMap((count, wait) => (count === 8 ? [wait] : []));
  assert.deepEqual(long, [0, 1, 2, 16, 32]);
  assert.deepEqual(new Set(looks), new Set([8, 2]));
});

test("a long wait that brings something makes the next ones long", () => {
  const patience = new Patience();
  for (let wait = 0; wait < 16; wait++) waitOnce(patience, nothingComes);
  assert.equal(
    waitOnce(patience, (look) => (look < 7 ? 100 : 200)),
    15,
  );
  assert.equal(waitOnce(patience, nothingComes), 8);
});

test("what comes in a short wait makes it no longer, but the next ones long", () => {
  const patience = new Patience();
  for (let wait = 0; wait < 3; wait++) waitOnce(patience, nothingComes);
  assert.equal(
    waitOnce(patience, (look) => (look < 1 ? 100 : 200)),
    3,
  );
  assert.equal(waitOnce(patience, nothingComes), 8);
});
