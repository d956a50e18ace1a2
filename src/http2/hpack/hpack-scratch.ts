/**
 * Working memory of HPACK, one for the process: used only within a call, so that idle connections
 * hold none. Bytes are moved by words; buffers have slack for the last one.
 */
import { Buffer } from "node:buffer";
import { FIELD_BLOCK_BYTES_MAX, HEAD_SIZE_BYTES_MAX } from "../../core/limits.ts";

/** Bytes behind the used part of a buffer that `copyWords` may read and write. */
export const WORD_SLACK = 4;

/** The largest dynamic table that a decoder may announce: names of its entries pass through here. */
export const DECODER_TABLE_BYTES_MAX = 64 * 1024;

export class HpackScratch {
  readonly bytes: Buffer;
  readonly view: DataView;

  /**
   * Room for all fields that are kept, a name from the table, and strings that Huffman coding made as
   * short as possible: the shortest code has 5 bits.
   */
  constructor() {
    const decodedBytesMax = Math.ceil((FIELD_BLOCK_BYTES_MAX * 8) / 5);
    const size = HEAD_SIZE_BYTES_MAX + DECODER_TABLE_BYTES_MAX + decodedBytesMax + 64;
    this.bytes = Buffer.alloc(size + WORD_SLACK);
    this.view = viewOf(this.bytes);
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies `length` bytes; up to WORD_SLACK more are read and written. The buffers differ. */
export function copyWords(
  from: DataView,
  fromAt: number,
  to: DataView,
  toAt: number,
  length: number,
): void {
  for (let i = 0; i < length; i += 4) {
    to.setInt32(toAt + i, from.getInt32(fromAt + i, true), true);
  }
}

/** Whether `length` bytes are the same. Up to WORD_SLACK more are read. */
export function areWordsEqual(
  a: DataView,
  aAt: number,
  b: DataView,
  bAt: number,
  length: number,
): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (a.getInt32(aAt + i, true) !== b.getInt32(bAt + i, true)) return false;
  }
  if (i === length) return true;
  const mask = (1 << (8 * (length - i))) - 1;
  return ((a.getInt32(aAt + i, true) ^ b.getInt32(bAt + i, true)) & mask) === 0;
}

/** A hash over `length` bytes, continued from `seed`. Whoever collides on purpose only loses compression. */
export function hashWords(view: DataView, at: number, length: number, seed: number): number {
  let hash = seed ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(at + i, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  if (i < length) {
    const mask = (1 << (8 * (length - i))) - 1;
    hash = Math.imul(hash ^ (view.getInt32(at + i, true) & mask), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
