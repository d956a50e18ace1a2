/**
 * Decodes message bodies (RFC 9112 sections 6 and 7) without copying: the sink gets ranges of the
 * bytes just fed. Chunk extensions are read, bounded and dropped; trailers become a HeaderBlock.
 */

import { latin1 } from "../core/bytes.ts";
import {
  CHUNK_EXTENSIONS_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  CHUNK_SIZE_DIGITS_MAX,
  TRAILER_SIZE_BYTES_MAX,
} from "../core/limits.ts";
import { HEX_VALUE } from "../http/char-table.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type BodyKind } from "../http/request-head.ts";
import {
  canExtensionEnd,
  EXTENSION_INVALID,
  EXTENSION_NAME_START,
  nextExtensionState,
} from "./chunk-extension.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";
import { PartialSection } from "./partial-section.ts";

/** Receives body bytes. The range is valid only during the call. */
export interface BodySink {
  onBody(bytes: Buffer, start: number, end: number): void;
}

const STATE_DONE = 0;
const STATE_LENGTH = 1;
const STATE_UNTIL_CLOSE = 2;
const STATE_CHUNK_SIZE = 3;
const STATE_CHUNK_EXTENSION = 4;
const STATE_CHUNK_SIZE_LF = 5;
const STATE_CHUNK_DATA = 6;
const STATE_CHUNK_DATA_CR = 7;
const STATE_CHUNK_DATA_LF = 8;
const STATE_TRAILERS = 9;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;

export class BodyDecoder {
  #state = STATE_DONE;
  /** Bytes left of the body or of the current chunk. */
  #remaining = 0;
  #digitCount = 0;
  #lineBytes = 0;
  #extensionState = EXTENSION_NAME_START;
  /** Of all chunks of the body. */
  #extensionBytes = 0;
  /** Bytes of a trailer section that is not complete. */
  readonly #partial = new PartialSection(undefined);
  /** The trailer section of the last chunked body, when it had one. */
  trailers: HeaderBlock | undefined;

  begin(kind: BodyKind, contentLength: number): void {
    this.trailers = undefined;
    if (kind === BODY_NONE || (kind === BODY_LENGTH && contentLength === 0)) {
      this.#state = STATE_DONE;
    } else if (kind === BODY_LENGTH) {
      this.#state = STATE_LENGTH;
      this.#remaining = contentLength;
    } else if (kind === BODY_CHUNKED) {
      this.#state = STATE_CHUNK_SIZE;
      this.#remaining = 0;
      this.#digitCount = 0;
      this.#extensionBytes = 0;
    } else {
      // A tunnel, too: its bytes are nobody's messages.
      this.#state = STATE_UNTIL_CLOSE;
    }
  }

  get isDone(): boolean {
    return this.#state === STATE_DONE;
  }

  /** The body ends where the connection ends (RFC 9112 section 6.3, last rule). */
  get endsWithConnection(): boolean {
    return this.#state === STATE_UNTIL_CLOSE;
  }

  /** Feeds bytes. Returns the offset of the first byte that is not the body's, or an error number. */
  decode(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    if (this.#state === STATE_LENGTH) {
      const take = Math.min(this.#remaining, end - start);
      this.#remaining -= take;
      if (this.#remaining === 0) this.#state = STATE_DONE;
      if (take > 0) sink.onBody(bytes, start, start + take);
      return start + take;
    }
    if (this.#state === STATE_UNTIL_CLOSE) {
      if (end > start) sink.onBody(bytes, start, end);
      return end;
    }
    let at = start;
    while (at < end && this.#state !== STATE_DONE) {
      at = this.#step(bytes, at, end, sink);
      if (at < 0) return at;
    }
    return at;
  }

  /** One state of a chunked body. Returns the next offset or an error number. */
  #step(bytes: Buffer, at: number, end: number, sink: BodySink): number {
    switch (this.#state) {
      case STATE_CHUNK_SIZE:
        return this.#readSize(bytes, at, end);
      case STATE_CHUNK_EXTENSION:
        return this.#readExtension(bytes, at, end);
      case STATE_CHUNK_SIZE_LF:
        if (bytes[at] !== LF) return PARSE_ERROR.lineEndInvalid;
        this.#digitCount = 0;
        this.#state = this.#remaining === 0 ? STATE_TRAILERS : STATE_CHUNK_DATA;
        return at + 1;
      case STATE_CHUNK_DATA: {
        const take = Math.min(this.#remaining, end - at);
        this.#remaining -= take;
        if (this.#remaining === 0) this.#state = STATE_CHUNK_DATA_CR;
        sink.onBody(bytes, at, at + take);
        return at + take;
      }
      case STATE_CHUNK_DATA_CR:
        if (bytes[at] !== CR) return PARSE_ERROR.chunkEndInvalid;
        this.#state = STATE_CHUNK_DATA_LF;
        return at + 1;
      case STATE_CHUNK_DATA_LF:
        if (bytes[at] !== LF) return PARSE_ERROR.chunkEndInvalid;
        this.#state = STATE_CHUNK_SIZE;
        return at + 1;
      default:
        return this.#readTrailers(bytes, at, end);
    }
  }

  #readSize(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const value = HEX_VALUE[bytes[at]!]!;
      if (value === 255) break;
      this.#digitCount += 1;
      if (this.#digitCount > CHUNK_SIZE_DIGITS_MAX) return PARSE_ERROR.chunkSizeInvalid;
      this.#remaining = this.#remaining * 16 + value;
      at += 1;
    }
    if (at >= end) return at;
    if (this.#digitCount === 0) return PARSE_ERROR.chunkSizeInvalid;
    if (bytes[at] === CR) {
      this.#state = STATE_CHUNK_SIZE_LF;
    } else if (bytes[at] === SEMICOLON) {
      this.#state = STATE_CHUNK_EXTENSION;
      this.#extensionState = EXTENSION_NAME_START;
      // The digits, the semicolon and the CRLF to come.
      this.#lineBytes = this.#digitCount + 3;
    } else {
      return bytes[at] === LF ? PARSE_ERROR.lineEndInvalid : PARSE_ERROR.chunkSizeInvalid;
    }
    return at + 1;
  }

  /** RFC 9112 section 7.1.1: extensions that are not understood are ignored. */
  #readExtension(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === CR || byte === LF) {
        if (byte === LF) return PARSE_ERROR.lineEndInvalid;
        if (!canExtensionEnd(this.#extensionState)) return PARSE_ERROR.chunkExtensionInvalid;
        this.#state = STATE_CHUNK_SIZE_LF;
        return at + 1;
      }
      this.#extensionState = nextExtensionState(this.#extensionState, byte);
      if (this.#extensionState === EXTENSION_INVALID) return PARSE_ERROR.chunkExtensionInvalid;
      if (!this.#countExtensionByte()) return PARSE_ERROR.chunkLineTooLong;
    }
    return end;
  }

  /** Returns whether one more byte is within both bounds. */
  #countExtensionByte(): boolean {
    this.#lineBytes += 1;
    this.#extensionBytes += 1;
    return (
      this.#lineBytes <= CHUNK_LINE_BYTES_MAX && this.#extensionBytes <= CHUNK_EXTENSIONS_BYTES_MAX
    );
  }

  #readTrailers(bytes: Buffer, start: number, end: number): number {
    const partial = this.#partial;
    const keptLength = partial.length;
    if (keptLength === 0 && bytes[start] === CR && start + 1 < end) {
      // The usual case: no trailer section.
      if (bytes[start + 1] !== LF) return PARSE_ERROR.lineEndInvalid;
      this.#state = STATE_DONE;
      return start + 2;
    }
    // No scan goes past the bound, so that the verdict does not depend on how bytes were split.
    const scanEnd = Math.min(end, start + TRAILER_SIZE_BYTES_MAX - keptLength);
    const mustScan = partial.append(bytes, start, scanEnd);
    const isAtBound = partial.length === TRAILER_SIZE_BYTES_MAX;
    if (!mustScan && !isAtBound) return scanEnd;
    const section = partial.view;
    const block = new HeaderBlock();
    const used = scanFields(section, 0, section.length, 0, block);
    if (used === NEED_MORE) {
      if (isAtBound) return PARSE_ERROR.trailerTooLarge;
      partial.markScanned();
      return scanEnd;
    }
    if (used < 0) return used;
    if (block.count > 0) {
      block.text = latin1(section, 0, used);
      this.trailers = block;
    }
    partial.clear();
    this.#state = STATE_DONE;
    return start + used - keptLength;
  }
}
