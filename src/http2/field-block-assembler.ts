/**
 * Joins the fragments of a field block that came in HEADERS or PUSH_PROMISE and CONTINUATION frames
 * (RFC 9113 section 4.3). Its bounds are those of the CONTINUATION flood (T14).
 */
import { FIELD_BLOCK_BYTES_MAX, FIELD_BLOCK_CONTINUATIONS_MAX } from "../core/limits.ts";
import { FRAME_ERROR, FRAME_OK } from "./frame-error.ts";
import { PartialBytes } from "./partial-bytes.ts";

export class FieldBlockAssembler {
  readonly #fragments = new PartialBytes();
  #continuationCount = 0;
  /** Of the block that is open, 0 when none is. */
  streamId = 0;
  /** The stream that the open block promises, 0 when it came in HEADERS. */
  promisedStreamId = 0;
  /** Of the HEADERS frame. */
  isEndStream = false;

  /** Bytes kept. */
  get length(): number {
    return this.#fragments.length;
  }

  /** The fragments so far. Valid until the next call, only while there are some. */
  get bytes(): Buffer {
    return this.#fragments.bytes;
  }

  open(streamId: number, promisedStreamId: number, isEndStream: boolean): void {
    this.streamId = streamId;
    this.promisedStreamId = promisedStreamId;
    this.isEndStream = isEndStream;
    this.#continuationCount = 0;
  }

  /** Judges a CONTINUATION frame by its header. Returns FRAME_OK or a FRAME_ERROR number. */
  admit(streamId: number, length: number): number {
    // Section 6.10: only behind an open block, and on its stream.
    if (this.streamId === 0) return FRAME_ERROR.continuationUnexpected;
    if (streamId !== this.streamId) return FRAME_ERROR.fieldBlockInterrupted;
    this.#continuationCount++;
    if (this.#continuationCount > FIELD_BLOCK_CONTINUATIONS_MAX) {
      return FRAME_ERROR.tooManyContinuations;
    }
    if (this.#fragments.length + length > FIELD_BLOCK_BYTES_MAX) {
      return FRAME_ERROR.fieldBlockTooLarge;
    }
    return FRAME_OK;
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.#fragments.append(bytes, start, end);
  }

  close(): void {
    this.streamId = 0;
    this.#fragments.clear();
  }
}
