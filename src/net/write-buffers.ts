/**
 * Buffers for large writes, used again once the runtime has taken their bytes: a body of any length
 * passes through a few of them, instead of leaving one behind for each read until the next collection.
 */
import { READ_BUFFER_BYTES } from "../core/limits.ts";

/** One read with the text around it. */
export const WRITE_BUFFER_BYTES = READ_BUFFER_BYTES + 4 * 1024;
/** Free buffers that are kept: enough for the connections that are busy in one turn of the event loop. */
const FREE_COUNT_MAX = 16;

const free: ArrayBuffer[] = [];

/** Exactly `length` bytes of any content, owned by the caller until it gives them back or forgets them. */
export function takeWriteBuffer(length: number): Buffer<ArrayBuffer> {
  if (length > WRITE_BUFFER_BYTES) return Buffer.allocUnsafeSlow(length);
  return Buffer.from(free.pop() ?? new ArrayBuffer(WRITE_BUFFER_BYTES), 0, length);
}

/** Nobody may read or write the buffer any more. */
export function giveWriteBuffer({ buffer }: Buffer<ArrayBuffer>): void {
  if (buffer.byteLength === WRITE_BUFFER_BYTES && free.length < FREE_COUNT_MAX) free.push(buffer);
}
