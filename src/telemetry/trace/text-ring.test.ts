/** What is read from the ring is what was added, as long as no more than its size has come behind it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TextRing } from "./text-ring.ts";

const SIZE = 300;

test("texts are read as they were added, until others take their place", () => {
  const text = fc.string({
    maxLength: 40,
    unit: fc.constantFrom("a", "b", "/", "\u00e9", "\u00ff"),
  });
  const step = fc.record({ text, isRead: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const ring = new TextRing(SIZE);
      let held: { readonly at: number; readonly text: string }[] = [];
      for (const { text: added, isRead } of steps) {
        held.push({ at: ring.add(added), text: added });
        let behind = 0;
        held = held
          .toReversed()
          .filter((one) => {
            behind += one.text.length;
            return behind <= SIZE;
          })
          .toReversed();
        if (!isRead) continue;
        for (const one of held) assert.equal(ring.read(one.at, one.text.length), one.text);
      }
    }),
  );
});
