/**
 * Reads the frames of a connection without I/O: bytes in, calls on a handler out (RFC 9113 sections 3.4,
 * 4 and 6). DATA goes through in the parts in which it arrives; other frames are handed on whole, from
 * the read itself where it holds them. The verdict never depends on how the bytes were split.
 */

import { FieldBlockAssembler } from "./field-block-assembler.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  GOAWAY_BYTES_MIN,
  readUint31,
  readUint32,
} from "./frame.ts";
import { FRAME_ERROR, FRAME_OK } from "./frame-error.ts";
import type { FrameHandler } from "./frame-handler.ts";
import { judgeFrameHeader, mandatoryBytes } from "./frame-rules.ts";
import { PartialBytes } from "./partial-bytes.ts";
import { CLIENT_PREFACE, matchPreface, PREFACE_MISMATCH } from "./preface.ts";
import type { Role } from "./settings.ts";

const STATE_PREFACE = 0;
const STATE_HEADER = 1;
const STATE_PAD_LENGTH = 2;
const STATE_DATA = 3;
const STATE_PAYLOAD = 4;
const STATE_SKIP = 5;
const STATE_STOPPED = 6;

export class FrameDecoder {
  /** The offset of the first byte that the last `execute` did not look at. */
  used = 0;
  readonly #handler: FrameHandler;
  readonly #isServer: boolean;
  #state: number;
  #prefaceMatched = 0;
  #isFirstFrame = true;
  /** What stopped the decoder, FRAME_OK when its owner did. */
  #error = FRAME_OK;
  /** Of the current frame. */
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Frames so far; those of a field block count as one. */
  #unit = 1;
  /** Bytes to come of the current DATA before its padding, or of a frame that is dropped. */
  #remaining = 0;
  /** Bytes to come of the current DATA's padding. */
  #padding = 0;
  /** A frame header or a payload that did not come whole. */
  readonly #partial = new PartialBytes();
  readonly #block = new FieldBlockAssembler();

  /** `role` is this side: a server's decoder expects the client's preface. */
  constructor(role: Role, handler: FrameHandler) {
    this.#handler = handler;
    this.#isServer = role === "server";
    this.#state = this.#isServer ? STATE_PREFACE : STATE_HEADER;
  }

  /** Whether neither a frame nor a field block has begun and not ended: a peer then owes nothing (T20). */
  get isBetweenFrames(): boolean {
    return this.#state === STATE_HEADER && this.#partial.length === 0 && this.#block.streamId === 0;
  }

  /**
   * 0, or a number that stays the same while one frame other than DATA, or one field block, has begun and
   * not come whole: it has a deadline (T20).
   */
  get awaited(): number {
    const isInData = this.#state === STATE_DATA || this.#state === STATE_PAD_LENGTH;
    const isAwaiting = this.#state !== STATE_STOPPED && !isInData && !this.isBetweenFrames;
    return isAwaiting ? this.#unit : 0;
  }

  /** Bytes held until more come: at most one frame and one field block. */
  get keptBytes(): number {
    return this.#partial.length + this.#block.length;
  }

  /**
   * Feeds a read, of which so many frames or field blocks are begun at most; `used` tells how far it came. Returns
   * FRAME_OK or a FRAME_ERROR number, a connection error; what follows is ignored then.
   */
  execute(bytes: Buffer, start: number, end: number, unitsMax = Infinity): number {
    const last = this.#unit + unitsMax;
    let at = start;
    while (at < end && this.#state !== STATE_STOPPED && this.#unit !== last) {
      at = this.#step(bytes, at, end);
      if (at < 0) {
        this.#error = at;
        this.stop();
      }
    }
    this.used = this.#state === STATE_STOPPED ? end : at;
    return this.#error;
  }

  /** Ends the decoding, also from within a handler's call: no more calls come, bytes are ignored. */
  stop(): void {
    this.#state = STATE_STOPPED;
    this.#partial.clear();
    this.#block.close();
  }

  /** Returns the offset of the first byte not used, or an error number. */
  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case STATE_HEADER:
        return this.#readHeader(bytes, at, end);
      case STATE_DATA:
        return this.#readData(bytes, at, end);
      case STATE_PAYLOAD:
        return this.#readPayload(bytes, at, end);
      case STATE_PAD_LENGTH:
        return this.#readPadLength(bytes, at, end);
      case STATE_SKIP:
        return this.#skip(at, end);
      default:
        return this.#readPreface(bytes, at, end);
    }
  }

  #readPreface(bytes: Buffer, at: number, end: number): number {
    const matched = matchPreface(bytes, at, end, this.#prefaceMatched);
    // Section 3.4: a connection error; the peer may not speak HTTP/2 at all.
    if (matched === PREFACE_MISMATCH) return FRAME_ERROR.prefaceInvalid;
    const used = matched - this.#prefaceMatched;
    this.#prefaceMatched = matched;
    if (matched === CLIENT_PREFACE.length) this.#state = STATE_HEADER;
    return at + used;
  }

  #readHeader(bytes: Buffer, at: number, end: number): number {
    const kept = this.#partial.length;
    if (kept === 0 && end - at >= FRAME_HEADER_BYTES) {
      this.#takeHeader(bytes, at);
      return this.#beginFrame(bytes, at + FRAME_HEADER_BYTES, end);
    }
    const next = Math.min(at + FRAME_HEADER_BYTES - kept, end);
    this.#partial.append(bytes, at, next);
    if (this.#partial.length < FRAME_HEADER_BYTES) return next;
    this.#takeHeader(this.#partial.bytes, 0);
    this.#partial.clear();
    return this.#beginFrame(bytes, next, end);
  }

  /** Section 4.1. */
  #takeHeader(bytes: Buffer, at: number): void {
    if (this.#block.streamId === 0) this.#unit += 1;
    this.#length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#streamId = readUint31(bytes, at + 5);
  }

  /** `at` is behind the frame's header. A frame without payload ends here. */
  #beginFrame(bytes: Buffer, at: number, end: number): number {
    const error = this.#judge();
    if (error === FRAME_ERROR.prioritySizeInvalid) {
      // Section 6.3: an error of the stream alone.
      this.#beginSkip();
      this.#handler.onStreamError(this.#streamId, error);
      return at;
    }
    if (error !== FRAME_OK) return error;
    if (this.#type === FRAME_DATA) {
      if ((this.#flags & FLAG_PADDED) === 0) return this.#beginData(bytes, at, end, 0);
      this.#state = STATE_PAD_LENGTH;
      return at;
    }
    if (this.#type === FRAME_PRIORITY || this.#type > FRAME_CONTINUATION) {
      this.#beginSkip();
      this.#handler.onIgnoredFrame(this.#type, this.#length);
      return at;
    }
    this.#state = STATE_PAYLOAD;
    return this.#readPayload(bytes, at, end);
  }

  #judge(): number {
    const type = this.#type;
    if (this.#isFirstFrame) {
      // Section 3.4: SETTINGS is the first frame that either side sends.
      if (type !== FRAME_SETTINGS || (this.#flags & FLAG_ACK) !== 0) {
        return FRAME_ERROR.settingsNotFirst;
      }
      this.#isFirstFrame = false;
    }
    // Section 6.10: no frame of any kind comes between those of a field block.
    if (this.#block.streamId !== 0 && type !== FRAME_CONTINUATION) {
      return FRAME_ERROR.fieldBlockInterrupted;
    }
    const error = judgeFrameHeader(type, this.#flags, this.#streamId, this.#length);
    if (error !== FRAME_OK) return error;
    if (type === FRAME_CONTINUATION) return this.#block.admit(this.#streamId, this.#length);
    // Section 8.4: a client cannot push.
    if (type === FRAME_PUSH_PROMISE && this.#isServer) return FRAME_ERROR.pushByClient;
    return FRAME_OK;
  }

  #beginSkip(): void {
    this.#remaining = this.#length;
    this.#state = this.#length === 0 ? STATE_HEADER : STATE_SKIP;
  }

  #skip(at: number, end: number): number {
    const take = Math.min(this.#remaining, end - at);
    this.#remaining -= take;
    if (this.#remaining === 0) this.#state = STATE_HEADER;
    return at + take;
  }

  /** Section 6.1. */
  #readPadLength(bytes: Buffer, at: number, end: number): number {
    const padding = bytes[at]!;
    if (padding >= this.#length) return FRAME_ERROR.paddingTooLong;
    return this.#beginData(bytes, at + 1, end, padding);
  }

  #beginData(bytes: Buffer, at: number, end: number, padding: number): number {
    this.#remaining = this.#length - mandatoryBytes(FRAME_DATA, this.#flags) - padding;
    this.#padding = padding;
    this.#state = STATE_DATA;
    this.#handler.onDataFrame(this.#streamId, this.#length, this.#remaining);
    return this.#readData(bytes, at, end);
  }

  /** Padding is not looked at: section 6.1 leaves it open whether it must be zero. */
  #readData(bytes: Buffer, at: number, end: number): number {
    // The handler may have stopped the decoder when the frame began.
    if (this.#state !== STATE_DATA) return end;
    const dataEnd = Math.min(at + this.#remaining, end);
    this.#remaining -= dataEnd - at;
    let next = dataEnd;
    if (this.#remaining === 0) {
      next = Math.min(dataEnd + this.#padding, end);
      this.#padding -= next - dataEnd;
    }
    const isComplete = this.#remaining === 0 && this.#padding === 0;
    if (isComplete) this.#state = STATE_HEADER;
    const isEndStream = isComplete && (this.#flags & FLAG_END_STREAM) !== 0;
    if (dataEnd > at || isEndStream) {
      this.#handler.onData(this.#streamId, bytes, at, dataEnd, isEndStream);
    }
    return next;
  }

  #readPayload(bytes: Buffer, at: number, end: number): number {
    const kept = this.#partial.length;
    if (kept === 0 && end - at >= this.#length) {
      const next = at + this.#length;
      const error = this.#endFrame(bytes, at, next);
      return error === FRAME_OK ? next : error;
    }
    const next = Math.min(at + this.#length - kept, end);
    if (next > at) this.#partial.append(bytes, at, next);
    if (this.#partial.length < this.#length) return next;
    const payload = this.#partial.bytes;
    this.#partial.clear();
    const error = this.#endFrame(payload, 0, this.#length);
    return error === FRAME_OK ? next : error;
  }

  /** The whole payload of a frame other than DATA. Returns FRAME_OK or an error number. */
  #endFrame(bytes: Buffer, start: number, end: number): number {
    const handler = this.#handler;
    // Before the handler is called, which may stop the decoder.
    this.#state = STATE_HEADER;
    switch (this.#type) {
      case FRAME_HEADERS:
        return this.#endHeaders(bytes, start, end);
      case FRAME_CONTINUATION:
        this.#endContinuation(bytes, start, end);
        return FRAME_OK;
      case FRAME_PUSH_PROMISE:
        return this.#endPushPromise(bytes, start, end);
      case FRAME_RST_STREAM:
        handler.onRstStream(this.#streamId, readUint32(bytes, start));
        return FRAME_OK;
      case FRAME_SETTINGS:
        if ((this.#flags & FLAG_ACK) === 0) handler.onSettings(bytes, start, end);
        else handler.onSettingsAck();
        return FRAME_OK;
      case FRAME_PING:
        if ((this.#flags & FLAG_ACK) === 0) handler.onPing(bytes, start);
        else handler.onPingAck(bytes, start);
        return FRAME_OK;
      case FRAME_GOAWAY: {
        const code = readUint32(bytes, start + 4);
        handler.onGoaway(readUint31(bytes, start), code, bytes, start + GOAWAY_BYTES_MIN, end);
        return FRAME_OK;
      }
      default:
        // WINDOW_UPDATE: DATA and types that are ignored have no payload here.
        return this.#endWindowUpdate(readUint31(bytes, start));
    }
  }

  /** Section 6.2. The priority fields are dropped (section 5.3.2). */
  #endHeaders(bytes: Buffer, start: number, end: number): number {
    const flags = this.#flags;
    const from = start + mandatoryBytes(FRAME_HEADERS, flags);
    const to = end - ((flags & FLAG_PADDED) === 0 ? 0 : bytes[start]!);
    if (to < from) return FRAME_ERROR.paddingTooLong;
    const isEndStream = (flags & FLAG_END_STREAM) !== 0;
    if ((flags & FLAG_END_HEADERS) !== 0) {
      this.#handler.onHeaders(this.#streamId, bytes, from, to, isEndStream);
    } else {
      this.#block.open(this.#streamId, 0, isEndStream);
      this.#keepFragment(bytes, from, to);
    }
    return FRAME_OK;
  }

  /** Section 6.6. */
  #endPushPromise(bytes: Buffer, start: number, end: number): number {
    const flags = this.#flags;
    const from = start + mandatoryBytes(FRAME_PUSH_PROMISE, flags);
    const to = end - ((flags & FLAG_PADDED) === 0 ? 0 : bytes[start]!);
    if (to < from) return FRAME_ERROR.paddingTooLong;
    const promisedStreamId = readUint31(bytes, from - 4);
    // Section 5.1.1: streams of a server are even, and 0 is the connection.
    if (promisedStreamId === 0 || promisedStreamId % 2 === 1) {
      return FRAME_ERROR.promisedStreamInvalid;
    }
    if ((flags & FLAG_END_HEADERS) !== 0) {
      this.#handler.onPushPromise(this.#streamId, promisedStreamId, bytes, from, to);
    } else {
      this.#block.open(this.#streamId, promisedStreamId, false);
      this.#keepFragment(bytes, from, to);
    }
    return FRAME_OK;
  }

  /** Section 6.10. */
  #endContinuation(bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if ((this.#flags & FLAG_END_HEADERS) === 0) {
      this.#keepFragment(bytes, start, end);
    } else if (block.length === 0) {
      this.#endBlock(bytes, start, end);
    } else {
      block.append(bytes, start, end);
      this.#endBlock(block.bytes, 0, block.length);
    }
  }

  /** A fragment that does not end its block. */
  #keepFragment(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.#block.append(bytes, start, end);
    else this.#handler.onEmptyFragment(this.#streamId);
  }

  #endBlock(bytes: Buffer, start: number, end: number): void {
    const { streamId, promisedStreamId, isEndStream } = this.#block;
    this.#block.close();
    if (promisedStreamId === 0) this.#handler.onHeaders(streamId, bytes, start, end, isEndStream);
    else this.#handler.onPushPromise(streamId, promisedStreamId, bytes, start, end);
  }

  #endWindowUpdate(increment: number): number {
    const streamId = this.#streamId;
    if (increment === 0) {
      // Section 6.9: an error of the stream, or of the connection on its own window.
      if (streamId === 0) return FRAME_ERROR.windowIncrementZero;
      this.#handler.onStreamError(streamId, FRAME_ERROR.windowIncrementZero);
      return FRAME_OK;
    }
    this.#handler.onWindowUpdate(streamId, increment);
    return FRAME_OK;
  }
}
