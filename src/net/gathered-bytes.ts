/**
 * Bytes for a socket, filled in place: those that are gathered for the next write, in as few pieces of pooled
 * memory as possible, and those that the runtime has and not taken yet. Holds no memory in between.
 */
import { giveBuffer, SMALL_BUFFER_BYTES, takeBuffer } from "../core/buffer-pool.ts";
import type { StreamHandle, WriteRequest } from "./stream-handle.ts";

const NO_BYTES = Buffer.alloc(0);

export class GatheredBytes {
  /** What is filled now, and how far. */
  bytes: Buffer<ArrayBuffer> = NO_BYTES;
  at = 0;
  /** What was filled before it. */
  #full: Buffer<ArrayBuffer>[] = [];
  #underWay: Buffer<ArrayBuffer>[] = [];
  /** The last write was small: so may the next one be. */
  #wasSmall = true;

  get isEmpty(): boolean {
    return this.at === 0 && this.#full.length === 0;
  }

  /** Makes room for so many bytes. A new piece has `size` bytes unless that suggests a small one or is too little. */
  reserve(bytes: number, size: number): void {
    if (this.bytes.length - this.at >= bytes) return;
    const isFirst = this.isEmpty;
    if (this.at > 0) this.#full.push(this.bytes.subarray(0, this.at));
    else if (this.bytes.length > 0) giveBuffer(this.bytes);
    const isSmall = isFirst && this.#wasSmall && bytes <= SMALL_BUFFER_BYTES;
    this.bytes = takeBuffer(isSmall ? SMALL_BUFFER_BYTES : Math.max(bytes, size));
    this.at = 0;
  }

  /** Gives everything to the handle. Returns its error number; the memory is its until `taken`. */
  write(handle: StreamHandle, request: WriteRequest): number {
    const pieces = this.#full;
    this.#full = this.#underWay;
    this.#underWay = pieces;
    this.#wasSmall = pieces.length === 0 && this.at <= SMALL_BUFFER_BYTES;
    if (this.at > 0) pieces.push(this.bytes.subarray(0, this.at));
    this.bytes = NO_BYTES;
    this.at = 0;
    const [first] = pieces;
    return first !== undefined && pieces.length === 1
      ? handle.writeBuffer(request, first)
      : handle.writev(request, pieces, true);
  }

  /** The runtime has taken what was written. */
  taken(): void {
    const pieces = this.#underWay;
    if (pieces.length === 0) return;
    for (const piece of pieces) giveBuffer(piece);
    pieces.length = 0;
  }
}
