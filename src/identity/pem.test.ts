import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPem, parsePem } from "./pem.ts";

test("blocks are read back in order, with text between them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 })), (blocks) => {
      const text = blocks.map((block) => `note\n${formatPem("X", block)}`).join("");
      assert.deepEqual(parsePem(text, "X"), blocks.map(Buffer.from));
      assert.deepEqual(parsePem(text, "Y"), []);
    }),
  );
  assert.deepEqual(parsePem(formatPem("X", Buffer.of(1)).replaceAll("\n", "\r\n"), "X"), [
    Buffer.of(1),
  ]);
});

test("broken blocks are refused", () => {
  const good = formatPem("X", Buffer.from("hello"));
  for (const text of [
    good.replace("-----END X-----", ""),
    good.replace("aGVsbG8=", "aGVsb*8="),
    good.replace("aGVsbG8=", "aGVsbG8"),
    good.replace("aGVsbG8=", ""),
  ]) {
    assert.throws(() => parsePem(text, "X"), /malformed PEM/);
  }
});
