/** Whole numbers up to 2^53 as varints, seven bits a byte, the lowest first. */

const INITIAL_BYTES = 4096;
/** 53 bits take eight. */
const VARINT_BYTES_MAX = 8;

export class VarintWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  /** Not negative. */
  write(value: number): void {
    if (this.#length + VARINT_BYTES_MAX > this.#bytes.length) this.#grow();
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A copy of what was written; the next writes begin anew. */
  take(): Uint8Array {
    const copy = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
    this.#length = 0;
    return copy;
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Reads one after another; zeros beyond the end. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#position < this.#bytes.length;
  }

  /** Whether more was read than there was. */
  get isOver(): boolean {
    return this.#position > this.#bytes.length;
  }

  read(): number {
    let byte = this.#bytes[this.#position++] ?? 0;
    if (byte < 128) return byte;
    let value = byte & 127;
    let factor = 128;
    do {
      byte = this.#bytes[this.#position++] ?? 0;
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte >= 128);
    return value;
  }
}
