import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SendQueue } from "./send-queue.ts";

/** Takes so many bytes off, in the pieces that are there. */
function take(queue: SendQueue, count: number): Buffer {
  const taken: Buffer[] = [];
  for (let left = count; left > 0; ) {
    const bytes = Math.min(left, queue.firstBytes);
    taken.push(Buffer.from(queue.first.subarray(queue.start, queue.start + bytes)));
    queue.shift(bytes);
    left -= bytes;
  }
  return Buffer.concat(taken);
}

describe("a send queue", () => {
  it("gives back what was put in, in order, whatever the sizes", () => {
    const step = fc.record({ put: fc.nat({ max: 40_000 }), take: fc.nat({ max: 40_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const queue = new SendQueue();
        let given = Buffer.alloc(0);
        let number = 0;
        for (const { put, take: wanted } of steps) {
          const first = number;
          const bytes = Buffer.from(Array.from({ length: put }, (_, i) => (first + i) % 251));
          number += put;
          queue.push(bytes, 0, put);
          given = Buffer.concat([given, bytes]);
          bytes.fill(0xff);
          const count = Math.min(wanted, given.length);
          assert.ok(take(queue, count).equals(given.subarray(0, count)));
          given = given.subarray(count);
        }
        assert.ok(take(queue, given.length).equals(given));
        assert.equal(queue.firstBytes, 0);
      }),
      { numRuns: 100 },
    );
  });

  it("keeps many small ranges in few pieces", () => {
    const queue = new SendQueue();
    const byte = Buffer.from("x");
    for (let i = 0; i < 60_000; i++) queue.push(byte, 0, 1);
    let pieces = 0;
    while (queue.firstBytes > 0) {
      queue.shift(queue.firstBytes);
      pieces += 1;
    }
    assert.ok(pieces < 20, `${pieces} pieces`);
  });

  it("forgets everything", () => {
    const queue = new SendQueue();
    queue.push(Buffer.from("abc"), 0, 3);
    queue.clear();
    assert.equal(queue.firstBytes, 0);
    queue.push(Buffer.from("de"), 1, 2);
    assert.equal(take(queue, 1).toString(), "e");
  });
});
