/**
 * Walks messages of protocol buffers field by field without making an object of each: a push of metrics has thousands of
 * points, of which most only need a number read. Throws `MalformedMessage`; nothing is read beyond the end.
 */

export class MalformedMessage extends Error {}

const TWO_POW_32 = 4_294_967_296;
/** https://protobuf.dev/programming-guides/encoding/#varints: 64 bits take ten bytes. */
const VARINT_BYTES_MAX = 10;

export class WireReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Of the next byte. */
  position = 0;
  #end = 0;
  /** Of the field that `next` found. */
  field = 0;
  wireType = 0;
  /** Of the content that `open` found: from, and up to without. */
  contentStart = 0;
  contentEnd = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** Goes on with the message in this range, which must lie within the bytes. */
  enter(start: number, end: number): void {
    this.position = start;
    this.#end = end;
  }

  /** Whether there is a further field. */
  next(): boolean {
    if (this.position >= this.#end) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag & 7;
    if (this.field === 0) throw new MalformedMessage("field 0");
    return true;
  }

  /** Above 2^53 the nearest that a number can say. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      if (this.position >= this.#end) throw new MalformedMessage("cut short");
      const byte = this.bytes[this.position++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw new MalformedMessage("a varint of more than ten bytes");
  }

  /** A fixed64, as `varint`. */
  fixed64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * TWO_POW_32;
  }

  /** An sfixed64. */
  signed64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at, true) + this.#view.getInt32(at + 4, true) * TWO_POW_32;
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** Steps over length-delimited content, whose range is in `contentStart` and `contentEnd`. */
  open(): void {
    if (this.wireType !== 2) throw new MalformedMessage(`wire type ${this.wireType}, not 2`);
    const length = this.varint();
    this.contentStart = this.#take(length);
    this.contentEnd = this.position;
  }

  /** The content of a text. */
  text(): string {
    this.open();
    return Buffer.from(
      this.bytes.buffer,
      this.bytes.byteOffset + this.contentStart,
      this.contentEnd - this.contentStart,
    ).toString("utf8");
  }

  skip(): void {
    switch (this.wireType) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.open();
        return;
      case 5:
        this.#take(4);
        return;
      default:
        throw new MalformedMessage(`wire type ${this.wireType}`);
    }
  }

  #take(length: number): number {
    const at = this.position;
    if (at + length > this.#end) throw new MalformedMessage("cut short");
    this.position = at + length;
    return at;
  }
}
