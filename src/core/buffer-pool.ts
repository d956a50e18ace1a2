/**
 * Buffers for bytes that wait to be written, used again once somebody has taken them: a body of any length
 * passes through a few of them, instead of leaving one behind for each read until the next collection.
 * There are small ones, so that a peer that does not read a few bytes does not hold memory for many.
 */
import { READ_BUFFER_BYTES } from "./limits.ts";

/** Frames or heads of a few messages. */
export const SMALL_BUFFER_BYTES = 4 * 1024;
/** One read with what goes around it. */
export const LARGE_BUFFER_BYTES = READ_BUFFER_BYTES + 4 * 1024;
/** Free buffers that are kept: enough for the connections that are busy in one turn of the event loop. */
const FREE_SMALL_MAX = 64;
const FREE_LARGE_MAX = 16;

const small: ArrayBuffer[] = [];
const large: ArrayBuffer[] = [];

/** Exactly `length` bytes of any content, owned by the caller until it gives them back or forgets them. */
export function takeBuffer(length: number): Buffer<ArrayBuffer> {
  if (length > LARGE_BUFFER_BYTES) return Buffer.allocUnsafeSlow(length);
  const memory =
    length > SMALL_BUFFER_BYTES
      ? (large.pop() ?? new ArrayBuffer(LARGE_BUFFER_BYTES))
      : (small.pop() ?? new ArrayBuffer(SMALL_BUFFER_BYTES));
  return Buffer.from(memory, 0, length);
}

/** Nobody may read or write the buffer any more. */
export function giveBuffer({ buffer }: Buffer<ArrayBuffer>): void {
  if (buffer.byteLength === LARGE_BUFFER_BYTES) {
    if (large.length < FREE_LARGE_MAX) large.push(buffer);
  } else if (buffer.byteLength === SMALL_BUFFER_BYTES && small.length < FREE_SMALL_MAX) {
    small.push(buffer);
  }
}
