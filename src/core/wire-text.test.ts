/** Text and its bytes on the wire. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asciiLowerCase, textFromWire, wireText } from "./wire-text.ts";

test("text goes to the wire as UTF-8, one character a byte, and comes back", () => {
  assert.equal(wireText("aé"), "aÃ©");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const wire = wireText(text);
      assert.match(wire, /^[\0-\xff]*$/);
      assert.equal(wire.length, Buffer.byteLength(text));
      assert.equal(textFromWire(wire), text);
    }),
  );
});

test("ASCII is the same on both sides", () => {
  const text = "GET /a?b=c";
  assert.equal(wireText(text), text);
  assert.equal(textFromWire(text), text);
});

test("only ASCII letters lose their case: other bytes are parts of characters", () => {
  assert.equal(asciiLowerCase("AbC-1"), "abc-1");
  assert.equal(asciiLowerCase(wireText("AÉ")), wireText("aÉ"));
});
