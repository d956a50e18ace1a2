/** Words against single bytes: the same ends, wherever a byte stands that no value has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FIELD_VALUE } from "../http/char-table.ts";
import { valueEndOf } from "./value-scanner.ts";

function plainEnd(bytes: Uint8Array, at: number, end: number): number {
  let position = at;
  while (position < end && FIELD_VALUE[bytes[position]!] === 1) position += 1;
  return position;
}

test("each byte ends a value or not, at each place of a word", () => {
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 0; place < 8; place++) {
      const bytes = Buffer.alloc(9, "a");
      bytes[place] = byte;
      assert.equal(valueEndOf(bytes, 0, 9), plainEnd(bytes, 0, 9), `byte ${byte} at ${place}`);
    }
  }
});

test("nothing from `end` on is looked at, and a view's bytes are its own", () => {
  const whole = Buffer.from("aaaa\r\nbbbbbbbb\n", "latin1");
  const view = whole.subarray(6);
  assert.equal(valueEndOf(view, 0, view.length), 8);
  assert.equal(valueEndOf(view, 3, 5), 5);
  assert.equal(valueEndOf(view, 8, 8), 8);
  assert.equal(valueEndOf(whole, 0, whole.length), 4);
});

test("any bytes end where they end byte by byte", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    // Mostly such as values have, TAB and the upper half included.
    fc
      .array(fc.constantFrom(0x09, 0x20, 0x41, 0x7e, 0x80, 0xa0, 0xff, 0x7f, 0x1f, 0x0d), {
        maxLength: 64,
      })
      .map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(bytes, fc.nat(64), fc.nat(64), (input, from, to) => {
      const at = Math.min(from, input.length);
      const end = Math.max(at, Math.min(to, input.length));
      assert.equal(valueEndOf(input, at, end), plainEnd(input, at, end));
    }),
    { numRuns: 2_000 },
  );
});
