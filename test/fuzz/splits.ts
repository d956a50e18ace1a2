/** One input as the reads of a connection, cut at places that the input itself decides. */
import { hashOf } from "./digest.ts";

/** Inputs up to this length are read byte by byte now and then. */
const SINGLE_BYTES_MAX = 512;
const READS_MAX = 7;
/** One input in so many. */
const SINGLE_BYTES_EVERY = 16;

/** Offsets behind each read, ascending; the last is the length. Reads may be empty. */
export function readEnds(bytes: Uint8Array): readonly number[] {
  let state = hashOf(bytes);
  if (state % SINGLE_BYTES_EVERY === 0 && bytes.length <= SINGLE_BYTES_MAX) {
    return Array.from(bytes, (_, at) => at + 1);
  }
  const ends: number[] = [];
  for (let count = 1 + (state % READS_MAX); count > 0; count--) {
    // A step of xorshift32.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    ends.push((state >>> 0) % (bytes.length + 1));
  }
  return [...ends.sort((a, b) => a - b), bytes.length];
}
