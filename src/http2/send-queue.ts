/** DATA of one stream that waits for its turn or its window: copies, because what was read is shared. */
import { Buffer } from "node:buffer";
import { giveBuffer, SMALL_BUFFER_BYTES, takeBuffer } from "../core/buffer-pool.ts";

/** Pieces grow with what waits up to this, so that many small ranges cost little more than their bytes. */
const PIECE_BYTES_MIN = 64;
const PIECE_BYTES_MAX = 16 * 1024;

export class SendQueue {
  readonly #pieces: Buffer<ArrayBuffer>[] = [];
  /** Where the first piece goes on, and how far the last one is filled. */
  #start = 0;
  #end = 0;

  push(bytes: Buffer, start: number, end: number): void {
    let at = start;
    const last = this.#pieces.at(-1);
    if (last !== undefined) {
      at = Math.min(end, start + last.length - this.#end);
      bytes.copy(last, this.#end, start, at);
      this.#end += at - start;
    }
    if (at === end) return;
    const rest = end - at;
    const size = Math.min(Math.max(PIECE_BYTES_MIN, 2 * (last?.length ?? 0)), PIECE_BYTES_MAX);
    // Not from Buffer's own pool: a small piece of a stalled stream would hold a slab of it.
    const piece =
      rest > SMALL_BUFFER_BYTES ? takeBuffer(rest) : Buffer.allocUnsafeSlow(Math.max(rest, size));
    bytes.copy(piece, 0, at, end);
    if (last === undefined) this.#start = 0;
    this.#pieces.push(piece);
    this.#end = rest;
  }

  /** The piece with the bytes that are sent next, from `start` on. Not to be asked when nothing waits. */
  get first(): Buffer {
    return this.#pieces[0]!;
  }

  get start(): number {
    return this.#start;
  }

  /** How many bytes from `start` on are in the first piece. */
  get firstBytes(): number {
    const [first] = this.#pieces;
    if (first === undefined) return 0;
    return (this.#pieces.length === 1 ? this.#end : first.length) - this.#start;
  }

  /** So many bytes of the first piece were sent, at most all of them. */
  shift(count: number): void {
    const isPieceDone = count === this.firstBytes;
    this.#start += count;
    if (!isPieceDone) return;
    giveBuffer(this.#pieces.shift()!);
    this.#start = 0;
  }

  clear(): void {
    for (const piece of this.#pieces) giveBuffer(piece);
    this.#pieces.length = 0;
    this.#start = 0;
    this.#end = 0;
  }
}
