import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { StreamSlots } from "./stream-slots.ts";

test("a reset stream keeps its place until its work has ended (T13)", () => {
  const slots = new StreamSlots(2);
  const [a, b, c] = [{ slot: 0 }, { slot: 0 }, { slot: 0 }];
  assert.ok(slots.take(a));
  assert.ok(slots.take(b));
  slots.reset(a);
  assert.ok(!slots.take(c));
  slots.workEnded(a);
  assert.ok(slots.take(c));
  slots.ended(b);
  assert.equal(slots.taken, 1);
});

test("work that ends before its stream does frees nothing either", () => {
  const slots = new StreamSlots(1);
  const a = { slot: 0 };
  slots.take(a);
  slots.workEnded(a);
  assert.equal(slots.taken, 1);
  slots.reset(a);
  assert.equal(slots.taken, 0);
});

test("streams above a lowered limit go on", () => {
  const slots = new StreamSlots(2);
  const [a, b, c] = [{ slot: 0 }, { slot: 0 }, { slot: 0 }];
  slots.take(a);
  slots.take(b);
  slots.setLimit(1);
  assert.equal(slots.taken, 2);
  slots.ended(a);
  assert.ok(!slots.take(c));
  slots.ended(b);
  assert.ok(slots.take(c));
});

test("places agree with a model and never leak", () => {
  const steps = fc.array(fc.tuple(fc.nat(3), fc.nat(7)), { maxLength: 200, size: "max" });
  fc.assert(
    fc.property(steps, (script) => {
      const slots = new StreamSlots(4);
      const streams = Array.from({ length: 8 }, () => ({ slot: 0 }));
      const parts = streams.map(() => new Set<string>());
      for (const [action, which] of script) {
        const [stream, held] = [streams[which]!, parts[which]!];
        if (action === 0 && held.size === 0) {
          const isFree = parts.filter((part) => part.size > 0).length < 4;
          assert.equal(slots.take(stream), isFree);
          if (isFree) held.add("stream").add("work");
        } else if (action === 1) {
          slots.reset(stream);
          held.delete("stream");
        } else if (action === 2) {
          slots.workEnded(stream);
          held.delete("work");
        } else if (action === 3) {
          slots.ended(stream);
          held.clear();
        }
        assert.equal(slots.taken, parts.filter((part) => part.size > 0).length);
      }
    }),
  );
});
