import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "./crc32c.ts";

function sum(bytes: Buffer): number {
  return crc32c(bytes, 0, bytes.length, 0, 0);
}

test("the vectors of RFC 3720 appendix B.4", () => {
  assert.equal(sum(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(sum(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.equal(sum(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e);
  assert.equal(sum(Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i))), 0x113fdb5c);
  assert.equal(sum(Buffer.from("123456789")), 0xe3069283);
});

test("a range of the bytes, with a range of zeros in it", () => {
  const bytes = Buffer.from("xx1234567yy");
  const zeroed = Buffer.from(bytes).fill(0, 3, 6);
  assert.equal(crc32c(bytes, 2, 9, 3, 6), sum(zeroed.subarray(2, 9)));
});
