/**
 * The base64 of gRPC-Web's text form. Chunks may be padded wherever a sender stopped, so that padding stands in
 * the middle of a stream, too.
 */

import { latin1 } from "../core/bytes.ts";

/** Decodes a stream of base64. Holds at most three characters between calls. */
export class Base64Decoder {
  #rest = "";

  /** The bytes that are complete, or undefined when this is no base64. */
  decode(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const text = this.#rest + latin1(bytes, start, end);
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    const parts: Buffer[] = [];
    for (let at = 0; at < whole; ) {
      const padding = text.indexOf("=", at);
      // Up to the end of the group of four that is padded.
      const to = padding < 0 || padding >= whole ? whole : padding - (padding % 4) + 4;
      const part = text.slice(at, to);
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(part)) return undefined;
      parts.push(Buffer.from(part, "base64"));
      at = to;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** Whether the stream may end here. */
  get isWhole(): boolean {
    return this.#rest === "";
  }
}

const FRAME_HEAD_BYTES = 5;

/**
 * Encodes a stream of gRPC frames. Each frame ends with its own padding, so that its reader has it at once; within
 * a frame at most two bytes wait for more.
 */
export class Base64FrameEncoder {
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #bodyLeft = 0;
  #rest: Buffer = Buffer.alloc(0);

  /** Latin-1 text, perhaps none. */
  encode(bytes: Buffer, start: number, end: number): string {
    let encoded = "";
    for (let at = start; at < end; ) {
      const to = this.#advance(bytes, at, end);
      const isFrameEnd = this.#headBytes === FRAME_HEAD_BYTES && this.#bodyLeft === 0;
      encoded += this.#take(bytes.subarray(at, to), isFrameEnd);
      if (isFrameEnd) this.#headBytes = 0;
      at = to;
    }
    return encoded;
  }

  /** What still waits, at the end of the stream. */
  end(): string {
    return this.#take(Buffer.alloc(0), true);
  }

  /** Returns where the part of the frame that begins at `at` ends, `end` at the latest. */
  #advance(bytes: Buffer, at: number, end: number): number {
    if (this.#headBytes < FRAME_HEAD_BYTES) {
      const to = Math.min(end, at + FRAME_HEAD_BYTES - this.#headBytes);
      bytes.copy(this.#head, this.#headBytes, at, to);
      this.#headBytes += to - at;
      if (this.#headBytes === FRAME_HEAD_BYTES) this.#bodyLeft = this.#head.readUInt32BE(1);
      return to;
    }
    const to = Math.min(end, at + this.#bodyLeft);
    this.#bodyLeft -= to - at;
    return to;
  }

  #take(bytes: Buffer, isEnd: boolean): string {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = isEnd ? all.length : all.length - (all.length % 3);
    this.#rest = all.subarray(whole);
    return all.toString("base64", 0, whole);
  }
}
