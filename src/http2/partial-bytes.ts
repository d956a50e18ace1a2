/** Bytes of a frame or field block that did not come whole. Nothing is held while there are none. */
import { Buffer } from "node:buffer";

/** A frame header, and most frames but field blocks. */
const CAPACITY_BYTES_MIN = 64;

export class PartialBytes {
  #bytes: Buffer | undefined;
  #length = 0;

  /** Bytes kept. */
  get length(): number {
    return this.#length;
  }

  /** Holds the kept bytes from 0 on. Valid until the next call. Throws when nothing was ever appended. */
  get bytes(): Buffer {
    return this.#bytes!;
  }

  /**
   * Copies a range behind the kept bytes. Room grows with what arrived, never with what a peer
   * announced: a frame header alone must not cost the memory of its payload.
   */
  append(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    let kept = this.#bytes;
    if (kept === undefined || kept.length < length) {
      // Not from Buffer's pool: a few bytes of a slow peer would hold a slab of it.
      const grown = Buffer.allocUnsafeSlow(Math.max(CAPACITY_BYTES_MIN, 2 * length));
      kept?.copy(grown, 0, 0, this.#length);
      kept = grown;
      this.#bytes = grown;
    }
    bytes.copy(kept, this.#length, start, end);
    this.#length = length;
  }

  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
  }
}
