/**
 * The client's side of the HTTP/1.1 codec, without I/O. The owner announces each request with
 * `expect`; bytes that no request asked for are an error, never the start of an answer (T10).
 */
import { appended, latin1 } from "../core/bytes.ts";
import { HEAD_SIZE_BYTES_MAX, INTERIM_RESPONSES_MAX } from "../core/limits.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_UNTIL_CLOSE,
  type BodyKind,
} from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { BodyDecoder, type BodySink } from "./body-decoder.ts";
import { FIELD_VALUE } from "./char-table.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";
import { Framing } from "./framing.ts";

/** Receives the parts of a response. Heads and ranges are valid only during the call. */
export interface ResponseHandler extends BodySink {
  /** A 1xx answer. The final one follows. */
  onInterimResponse(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  onResponseEnd(trailers: HeaderBlock | undefined): void;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;

export class ResponseParser {
  readonly head = new ResponseHead();
  readonly #handler: ResponseHandler;
  readonly #framing = new Framing();
  readonly #body = new BodyDecoder();
  #isExpecting = false;
  #isHeadRequest = false;
  #isInBody = false;
  #interimCount = 0;
  #pending: Buffer | undefined;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Announces that a request with this method was sent. */
  expect(method: string): void {
    this.#isExpecting = true;
    this.#isHeadRequest = method === "HEAD";
    this.#interimCount = 0;
  }

  /** Whether an answer is owed or under way. */
  get isExpecting(): boolean {
    return this.#isExpecting;
  }

  /** Whether a byte of the answer has been seen. */
  get hasStarted(): boolean {
    return this.#isInBody || this.#pending !== undefined || this.#interimCount > 0;
  }

  /** Feeds bytes. Returns the offset of the first byte not used (`end` as long as all is well), or an error number. */
  execute(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (!this.#isExpecting) return PARSE_ERROR.unexpectedBytes;
      if (!this.#isInBody) {
        at = this.#readHead(bytes, at, end);
        if (at === NEED_MORE) return end;
        if (at < 0) return at;
        const error = this.#tellHead();
        if (error < 0) return error;
        if (!this.#isInBody) continue;
      }
      if (!this.#body.isDone) {
        at = this.#body.decode(bytes, at, end, this.#handler);
        if (at < 0) return at;
      }
      // Surplus bytes must be seen before the connection is given back: look before telling the end.
      if (this.#body.isDone) {
        if (at < end) return PARSE_ERROR.unexpectedBytes;
        this.#end();
      }
    }
    return at;
  }

  #tellHead(): number {
    if (this.head.status < 200) {
      this.#interimCount += 1;
      if (this.#interimCount > INTERIM_RESPONSES_MAX) return PARSE_ERROR.tooManyInterim;
      this.#handler.onInterimResponse(this.head);
      return 0;
    }
    this.#isInBody = true;
    this.#handler.onResponseHead(this.head);
    return 0;
  }

  /** The peer has ended the connection. Returns whether that completed a response (RFC 9112 section 6.3). */
  finish(): boolean {
    if (!this.#isInBody || !this.#body.endsWithConnection) return false;
    this.#end();
    return true;
  }

  #end(): void {
    this.#isExpecting = false;
    this.#isInBody = false;
    this.#handler.onResponseEnd(this.#body.trailers);
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const pending = this.#pending;
    if (pending === undefined) {
      const used = this.#parseHead(bytes, start, Math.min(end, start + HEAD_SIZE_BYTES_MAX));
      if (used !== NEED_MORE) return used;
      if (end - start >= HEAD_SIZE_BYTES_MAX) return PARSE_ERROR.headTooLarge;
      this.#pending = Buffer.from(bytes.subarray(start, end));
      return NEED_MORE;
    }
    const scanEnd = Math.min(end, start + HEAD_SIZE_BYTES_MAX - pending.length);
    const whole = appended(pending, bytes, start, scanEnd);
    const used = this.#parseHead(whole, 0, whole.length);
    if (used === NEED_MORE) {
      if (whole.length >= HEAD_SIZE_BYTES_MAX) return PARSE_ERROR.headTooLarge;
      this.#pending = whole;
      return NEED_MORE;
    }
    if (used < 0) return used;
    this.#pending = undefined;
    return start + used - pending.length;
  }

  #parseHead(bytes: Buffer, start: number, end: number): number {
    const head = this.head;
    head.headers.clear();
    const fieldsAt = scanStatusLine(bytes, start, end);
    if (fieldsAt < 0) return fieldsAt;
    const used = scanFields(bytes, fieldsAt, end, start, head.headers);
    if (used < 0) return used;
    const text = latin1(bytes, start, used);
    head.headers.text = text;
    head.minorVersion = bytes[start + 7]! - 0x30;
    head.status =
      (bytes[start + 9]! - 0x30) * 100 +
      (bytes[start + 10]! - 0x30) * 10 +
      (bytes[start + 11]! - 0x30);
    head.reason = text.slice(13, fieldsAt - start - 2);
    const error = this.#interpret(head);
    return error < 0 ? error : used;
  }

  #interpret(head: ResponseHead): number {
    const framing = this.#framing;
    const error = framing.read(head.headers);
    if (error !== 0) return error;
    if (framing.isChunked && head.minorVersion === 0) return PARSE_ERROR.transferEncodingInvalid;
    // 101 answers an Upgrade, which this codec never lets through to a plain exchange.
    if (head.status === 101) return PARSE_ERROR.statusLineInvalid;
    head.bodyKind = this.#bodyKind(head.status);
    head.contentLength = framing.contentLength;
    head.keepAliveTimeoutMs = framing.keepAliveTimeoutMs;
    head.keepAlive =
      !framing.hasClose &&
      (head.minorVersion === 1 || framing.hasKeepAlive) &&
      head.bodyKind !== BODY_UNTIL_CLOSE;
    if (head.status >= 200) this.#body.begin(head.bodyKind, framing.contentLength);
    return 0;
  }

  /** RFC 9112 section 6.3, rules 1 to 8 in order. */
  #bodyKind(status: number): BodyKind {
    if (this.#isHeadRequest || status < 200 || status === 204 || status === 304) return BODY_NONE;
    if (this.#framing.isChunked) return BODY_CHUNKED;
    if (this.#framing.contentLength > 0) return BODY_LENGTH;
    if (this.#framing.contentLength === 0) return BODY_NONE;
    return BODY_UNTIL_CLOSE;
  }
}

/** Checks `HTTP/1.x SP 3DIGIT [SP reason] CRLF`. Returns the offset behind it. */
function scanStatusLine(bytes: Buffer, start: number, end: number): number {
  const available = end - start;
  const prefix = "HTTP/1.";
  for (let i = 0; i < Math.min(available, prefix.length); i++) {
    if (bytes[start + i] !== prefix.charCodeAt(i)) return PARSE_ERROR.statusLineInvalid;
  }
  if (available < 14) return NEED_MORE;
  if (bytes[start + 7] !== 0x30 && bytes[start + 7] !== 0x31) return PARSE_ERROR.versionUnsupported;
  if (bytes[start + 8] !== SPACE || !isStatus(bytes, start + 9))
    return PARSE_ERROR.statusLineInvalid;
  let at = start + 12;
  if (bytes[at] !== SPACE && bytes[at] !== CR) return PARSE_ERROR.statusLineInvalid;
  while (at < end && FIELD_VALUE[bytes[at]!] === 1) at += 1;
  if (at >= end) return NEED_MORE;
  if (bytes[at] === LF) return PARSE_ERROR.lineEndInvalid;
  if (bytes[at] !== CR) return PARSE_ERROR.statusLineInvalid;
  if (at + 1 >= end) return NEED_MORE;
  return bytes[at + 1] === LF ? at + 2 : PARSE_ERROR.lineEndInvalid;
}

/** Three digits from 100 to 599 (RFC 9110 section 15). */
function isStatus(bytes: Buffer, at: number): boolean {
  const first = bytes[at]! - 0x30;
  const second = bytes[at + 1]! - 0x30;
  const third = bytes[at + 2]! - 0x30;
  return first >= 1 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
}
