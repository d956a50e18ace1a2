/**
 * Writes messages of protocol buffers into one growing buffer: thousands of data points must not cost an object for each
 * of their fields. Lengths are computed by whoever writes.
 */

const TWO_POW_32 = 4_294_967_296;
const INITIAL_BYTES = 16 * 1024;

/** Wire types. */
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;

export class ProtoBuffer {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** A copy: the buffer is written anew. */
  take(): Uint8Array {
    const copy = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
    this.#length = 0;
    return copy;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** Head of a message, a text or a packed list of `length` bytes, which follow. */
  open(field: number, length: number): void {
    this.tag(field, LENGTH_DELIMITED);
    this.varint(length);
  }

  enumeration(field: number, value: number): void {
    this.tag(field, 0);
    this.varint(value);
  }

  fixed64(field: number, value: number): void {
    this.tag(field, FIXED64);
    this.integer64(value);
  }

  /** Wall clock milliseconds, as nanoseconds. */
  time(field: number, ms: number): void {
    this.tag(field, FIXED64);
    this.#reserve(8);
    // A double of so many nanoseconds would be a quarter of a microsecond off, and in another millisecond.
    const ns = BigInt(Math.round(ms * 1000)) * 1000n;
    this.#length = this.#bytes.writeBigUInt64LE(ns, this.#length);
  }

  double(field: number, value: number): void {
    this.tag(field, FIXED64);
    this.double64(value);
  }

  /** Whole and not negative. Above 2^53 the nearest that a number can say. */
  integer64(value: number): void {
    this.#reserve(8);
    const high = Math.floor(value / TWO_POW_32);
    this.#bytes.writeUInt32LE(value - high * TWO_POW_32, this.#length);
    this.#bytes.writeUInt32LE(high, this.#length + 4);
    this.#length += 8;
  }

  double64(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  text(field: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.open(field, length);
    this.#reserve(length);
    this.#length += this.#bytes.write(value, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Of a field below 16 whose content has `length` bytes. */
export function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}
