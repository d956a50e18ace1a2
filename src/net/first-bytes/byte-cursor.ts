/**
 * Reads numbers and length-prefixed parts of a complete message. A read past the end gives zero and
 * sets `isOverrun`, so a reader checks once behind a group of reads, and no length can lead outside.
 */

export class ByteCursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #isOverrun = false;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#at;
  }

  get end(): number {
    return this.#end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Whether a read asked for more than there was. */
  get isOverrun(): boolean {
    return this.#isOverrun;
  }

  uint8(): number {
    const at = this.#advance(1);
    return at < 0 ? 0 : this.#bytes[at]!;
  }

  uint16(): number {
    const at = this.#advance(2);
    return at < 0 ? 0 : this.#bytes.readUInt16BE(at);
  }

  /** The next `length` bytes as a cursor of their own, which ends with them; empty when they are not all there. */
  take(length: number): ByteCursor {
    const at = this.#advance(length);
    return at < 0
      ? new ByteCursor(this.#bytes, this.#end, this.#end)
      : new ByteCursor(this.#bytes, at, at + length);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) {
      this.#isOverrun = true;
      this.#at = this.#end;
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}
