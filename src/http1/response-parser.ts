/**
 * The client's side of the HTTP/1.1 codec, without I/O. The owner announces each request with
 * `expect`; bytes that no request asked for are an error, never the start of an answer (T10).
 */
import { latin1 } from "../core/bytes.ts";
import { INTERIM_RESPONSES_MAX } from "../core/limits.ts";
import { nextRoom } from "../http/field-room.ts";
import { HeaderBlock } from "../http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  BODY_UNTIL_CLOSE,
  type BodyKind,
} from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { BodyDecoder, type BodySink } from "./body-decoder.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";
import { Framing, NO_OPTIONS } from "./framing.ts";
import { HeadReader, type HeadScanner } from "./head-reader.ts";
import {
  minorVersionAt,
  REASON_AT,
  scanStatusLine,
  statusAt,
  statusLineClass,
} from "./status-line.ts";

/** Receives the parts of a response. Heads and ranges are valid only during the call. */
export interface ResponseHandler extends BodySink {
  /** A 1xx answer. The final one follows. */
  onInterimResponse(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  onResponseEnd(trailers: HeaderBlock | undefined): void;
}

/** What a head is taken apart into, without a break: one for all parsers stays in the caches. */
const framing = new Framing();

export class ResponseParser implements HeadScanner {
  readonly head = new ResponseHead(new HeaderBlock(nextRoom()));
  readonly #handler: ResponseHandler;
  readonly #body = new BodyDecoder();
  readonly #heads = new HeadReader(statusLineClass, this);
  #isExpecting = false;
  #method = "";
  /** The protocol that a switch was asked to, lower case, otherwise empty. */
  #upgrade = "";
  #isInBody = false;
  /** Fields that the head's Connection names: trailers must not have them either (RFC 9110 section 7.6.1). */
  #connectionOptions = NO_OPTIONS;
  #interimCount = 0;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Announces that a request with this method was sent, and the protocol that it asks to switch to, if any. */
  expect(method: string, upgrade = ""): void {
    this.#isExpecting = true;
    this.#method = method;
    this.#upgrade = upgrade === "" ? "" : upgrade.toLowerCase();
  }

  /** Whether an answer is owed or under way. */
  get isExpecting(): boolean {
    return this.#isExpecting;
  }

  /** Whether a byte of the answer has been seen. */
  get hasStarted(): boolean {
    return this.#isInBody || this.#heads.isMidHead || this.#interimCount > 0;
  }

  /**
   * Feeds bytes. Returns `end`, or an error number, after which the parser must not be fed again. Bytes
   * behind an answer are such an error, told after the answer's end and with its `keepAlive` cleared.
   */
  execute(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (!this.#isExpecting) return PARSE_ERROR.unexpectedBytes;
      if (this.#isInBody) return this.#readBody(bytes, at, end);
      at = this.#heads.read(bytes, at, end);
      if (at === NEED_MORE) return end;
      if (at < 0) return at;
      const error = this.#tellHead();
      if (error < 0) return error;
      // An answer without a body ends with its head, even when nothing follows.
      if (this.#isInBody) return this.#readBody(bytes, at, end);
    }
    return at;
  }

  #readBody(bytes: Buffer, start: number, end: number): number {
    const body = this.#body;
    let at = start;
    if (!body.isDone) {
      at = body.decode(bytes, at, end, this.#handler);
      if (at < 0 || !body.isDone) return at;
    }
    const hasSurplus = at < end;
    // The answer is whole, but its connection must not be given back: what follows would begin the next one (T10).
    if (hasSurplus) this.head.keepAlive = false;
    this.#end();
    return hasSurplus ? PARSE_ERROR.unexpectedBytes : at;
  }

  #tellHead(): number {
    if (this.head.status < 200 && this.head.bodyKind !== BODY_TUNNEL) {
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
    this.#interimCount = 0;
    const trailers = this.#body.trailers;
    if (trailers !== undefined) {
      for (const option of this.#connectionOptions) trailers.remove(option);
    }
    this.#handler.onResponseEnd(trailers);
  }

  /** For the reader of heads. */
  scanHead(bytes: Buffer, start: number, end: number): number {
    const head = this.head;
    head.headers.clear();
    const fieldsAt = scanStatusLine(bytes, start, end);
    if (fieldsAt < 0) return fieldsAt;
    const used = scanFields(bytes, fieldsAt, end, start, head.headers);
    if (used < 0) return used;
    const text = latin1(bytes, start, used);
    head.headers.text = text;
    head.minorVersion = minorVersionAt(bytes, start);
    head.status = statusAt(bytes, start);
    head.reason = text.slice(REASON_AT, fieldsAt - start - 2);
    const error = this.#interpret(head);
    return error < 0 ? error : used;
  }

  #interpret(head: ResponseHead): number {
    const error = framing.read(head.headers);
    if (error !== 0) return error;
    this.#connectionOptions = framing.options;
    if (framing.isChunked && head.minorVersion === 0) return PARSE_ERROR.transferEncodingInvalid;
    // RFC 9110 section 15.2.2: 101 is for those who asked, and says what it switches to.
    const isSwitch = head.status === 101;
    if (isSwitch && !this.#isAskedFor(framing.upgrade)) return PARSE_ERROR.statusLineInvalid;
    head.bodyKind = this.#bodyKind(head.status);
    // RFC 9112 section 6.3: framing fields in front of a tunnel are ignored.
    head.contentLength = head.bodyKind === BODY_TUNNEL ? -1 : framing.contentLength;
    head.keepAliveTimeoutMs = framing.keepAliveTimeoutMs;
    head.keepAlive =
      !framing.hasClose &&
      (head.minorVersion === 1 || framing.hasKeepAlive) &&
      head.bodyKind !== BODY_UNTIL_CLOSE &&
      head.bodyKind !== BODY_TUNNEL;
    if (isSwitch || head.status >= 200) this.#body.begin(head.bodyKind, framing.contentLength);
    return 0;
  }

  #isAskedFor(upgrade: string): boolean {
    return this.#upgrade !== "" && upgrade.toLowerCase() === this.#upgrade;
  }

  /** RFC 9112 section 6.3, rules 1 to 8 in order. */
  #bodyKind(status: number): BodyKind {
    if (status === 101) return BODY_TUNNEL;
    if (status < 200 || status === 304 || this.#method === "HEAD") return BODY_NONE;
    if (status < 300 && this.#method === "CONNECT") return BODY_TUNNEL;
    if (status === 204) return BODY_NONE;
    if (framing.isChunked) return BODY_CHUNKED;
    if (framing.contentLength > 0) return BODY_LENGTH;
    if (framing.contentLength === 0) return BODY_NONE;
    return BODY_UNTIL_CLOSE;
  }
}
