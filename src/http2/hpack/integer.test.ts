import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeInteger,
  encodeInteger,
  INTEGER_MAX,
  INTEGER_TOO_LARGE,
  INTEGER_TRUNCATED,
  integerSize,
  integerValue,
} from "./integer.ts";

test("integers are coded as in RFC 7541 appendix C.1", () => {
  for (const [value, mask, wire] of [
    [10, 0x1f, "0a"],
    [1337, 0x1f, "1f9a0a"],
    [42, 0xff, "2a"],
  ] as const) {
    const out = Buffer.alloc(8);
    const end = encodeInteger(out, 0, mask, 0, value);
    assert.equal(out.toString("hex", 0, end), wire);
    const packed = decodeInteger(out, 0, end, mask);
    assert.deepEqual([integerValue(packed), integerSize(packed)], [value, end]);
  }
});

test("every integer up to the bound comes back with its flags", () => {
  const out = Buffer.alloc(8);
  fc.assert(
    fc.property(fc.nat(INTEGER_MAX), fc.integer({ min: 4, max: 7 }), (value, prefixBits) => {
      const mask = (1 << prefixBits) - 1;
      const flags = 0xff & ~mask;
      const end = encodeInteger(out, 0, mask, flags, value);
      assert.equal(out[0]! & flags, flags);
      const packed = decodeInteger(out, 0, end, mask);
      assert.deepEqual([integerValue(packed), integerSize(packed)], [value, end]);
      if (end > 1) assert.equal(decodeInteger(out, 0, end - 1, mask), INTEGER_TRUNCATED);
    }),
  );
});

test("integers beyond the bound and endless zeros are refused", () => {
  for (const wire of ["1fffffffffff0f", "1f8080808000", "1fffffff7f", "1f80808080"]) {
    const bytes = Buffer.from(wire, "hex");
    assert.equal(decodeInteger(bytes, 0, bytes.length, 0x1f), INTEGER_TOO_LARGE, wire);
  }
});
