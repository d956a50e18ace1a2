/** Finds the end of a field's value, four bytes at a time: values are most of a head. */
import { FIELD_VALUE } from "../http/char-table.ts";

/** A word whose four bytes are these. */
const SPACES = 0x20202020;
const DELETES = 0x7f7f7f7f;
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;

/** Of the bytes that were scanned last: nearly always the buffer that all sockets share. */
let scanned: Uint8Array | undefined;
let words: DataView = new DataView(new ArrayBuffer(0));

/** The offset of the first byte from `at` on that no value has (RFC 9110 section 5.5), or `end`. */
export function valueEndOf(bytes: Uint8Array, at: number, end: number): number {
  if (bytes !== scanned) {
    scanned = bytes;
    words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  let position = at;
  const lastWord = end - 4;
  while (position <= lastWord && !hasControl(words.getInt32(position, true))) position += 4;
  while (position < end && FIELD_VALUE[bytes[position]!] === 1) position += 1;
  return position;
}

/**
 * Whether one of the word's bytes is below a space or DEL: subtracting sets the high bit of the first such byte, which a
 * borrow may carry to bytes behind it, but never to a byte in front.
 */
function hasControl(word: number): boolean {
  const deletes = word ^ DELETES;
  return ((((word - SPACES) & ~word) | ((deletes - ONES) & ~deletes)) & HIGH_BITS) !== 0;
}
