import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NAME_BAD, VALUE_BAD } from "./field-bytes.ts";
import {
  decodeHuffman,
  encodeHuffman,
  HUFFMAN_INVALID,
  HUFFMAN_TOO_LONG,
  huffmanSize,
} from "./huffman.ts";

const out = Buffer.alloc(1024);

function decoded(wire: string): string | undefined {
  const bytes = Buffer.from(wire, "hex");
  const packed = decodeHuffman(bytes, 0, bytes.length, out, 0);
  return packed === HUFFMAN_INVALID ? undefined : out.toString("latin1", 0, packed >>> 2);
}

test("any bytes come back, in the size that was told", () => {
  const coded = Buffer.alloc(1024);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const end = encodeHuffman(bytes, 0, bytes.length, coded, 0, coded.length);
      assert.equal(end, huffmanSize(bytes, 0, bytes.length));
      const packed = decodeHuffman(coded, 0, end, out, 0);
      assert.deepEqual(out.subarray(0, packed >>> 2), Buffer.from(bytes));
      if (end === 0) return;
      coded[end - 1] = 0;
      assert.equal(encodeHuffman(bytes, 0, bytes.length, coded, 0, end - 1), HUFFMAN_TOO_LONG);
      assert.equal(coded[end - 1], 0);
    }),
  );
});

test("every pair of symbols comes back, whatever their lengths", () => {
  const coded = Buffer.alloc(16);
  for (let pair = 0; pair < 0x10000; pair++) {
    const end = encodeHuffman(
      [pair >>> 8, pair & 0xff] as unknown as Uint8Array,
      0,
      2,
      coded,
      0,
      coded.length,
    );
    const packed = decodeHuffman(coded, 0, end, out, 0);
    assert.equal(packed >>> 2, 2);
    assert.equal((out[0]! << 8) | out[1]!, pair);
  }
});

test("padding is at most 7 bits, all ones", () => {
  assert.equal(decoded(""), "");
  assert.equal(decoded("1f"), "a");
  // RFC 7541 section 5.2: padding of zeros, a whole byte of padding, padding only.
  for (const wire of ["18", "1e", "1fff", "ff", "ffff", "ffffff"]) {
    assert.equal(decoded(wire), undefined, wire);
  }
});

test("EOS in the text is refused", () => {
  assert.equal(decoded("ffffffff"), undefined);
  assert.equal(decoded("fffffffc"), undefined);
  // "a", EOS, padding.
  assert.equal(decoded("1fffffffff"), undefined);
});

test("a code that the input cuts off is refused", () => {
  for (const wire of ["fe", "ffc0", "fffe", "ffffff80"]) {
    assert.equal(decoded(wire), undefined, wire);
  }
});

test("classes of all bytes are told", () => {
  const coded = Buffer.alloc(64);
  for (const [text, classes] of [
    ["content-type", 0],
    ["Content-type", NAME_BAD],
    ["text/html; q=1", NAME_BAD],
    ["a\0b", NAME_BAD | VALUE_BAD],
    ["abcdefgh\n", NAME_BAD | VALUE_BAD],
    ["\xe9t\xe9", NAME_BAD],
  ] as const) {
    const bytes = Buffer.from(text, "latin1");
    const end = encodeHuffman(bytes, 0, bytes.length, coded, 0, coded.length);
    assert.equal(decodeHuffman(coded, 0, end, out, 0) & 3, classes, text);
  }
});
