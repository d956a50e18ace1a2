/**
 * The server's side of the HTTP/1.1 codec, without I/O: bytes in, calls on a handler out. One parser
 * serves one connection; it stops behind each message so that its owner decides when to go on.
 */
import { detached, latin1 } from "../core/bytes.ts";
import { LEADING_EMPTY_LINES_MAX } from "../core/limits.ts";
import { isAuthority } from "../http/authority.ts";
import { nextRoom } from "../http/field-room.ts";
import { HeaderBlock } from "../http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  RequestHead,
} from "../http/request-head.ts";
import { BodyDecoder, type BodySink } from "./body-decoder.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";
import { Framing, NO_OPTIONS } from "./framing.ts";
import { HeadReader, type HeadScanner } from "./head-reader.ts";
import { RequestLine, requestLineClass } from "./request-line.ts";
import { readTarget } from "./request-target.ts";

/** Receives the parts of a request. Heads and ranges are valid only during the call. */
export interface RequestHandler extends BodySink {
  onRequestHead(head: RequestHead): void;
  onRequestEnd(trailers: HeaderBlock | undefined): void;
}

const CR = 0x0d;
const LF = 0x0a;

/** What a head is taken apart into, without a break: one for all parsers stays in the caches. */
const line = new RequestLine();
const framing = new Framing();

export class RequestParser implements HeadScanner {
  readonly head = new RequestHead(new HeaderBlock(nextRoom()));
  readonly #handler: RequestHandler;
  readonly #body = new BodyDecoder();
  readonly #heads = new HeadReader(requestLineClass, this);
  #isInBody = false;
  /** Fields that the head's Connection names: trailers must not have them either (RFC 9110 section 7.6.1). */
  #connectionOptions = NO_OPTIONS;
  #emptyLineCount = 0;
  /** The CR of an empty line before a request line has come. */
  #isInEmptyLine = false;
  /** The last authority that was found well-formed: most requests of a connection repeat it. */
  #checkedAuthority = "";

  constructor(handler: RequestHandler) {
    this.#handler = handler;
  }

  /** Whether the first bytes of a message have been seen, but not its end. Empty lines do not count. */
  get isMidMessage(): boolean {
    return this.#isInBody || this.#heads.isMidHead;
  }

  /**
   * Feeds bytes; stops behind the end of a message. Returns the offset of the first byte not used, or
   * an error number, after which the parser must not be fed again.
   */
  execute(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (!this.#isInBody) {
      at = this.#readHead(bytes, start, end);
      if (at === NEED_MORE) return end;
      if (at < 0) return at;
      this.#isInBody = true;
      this.#handler.onRequestHead(this.head);
    }
    if (!this.#body.isDone) {
      at = this.#body.decode(bytes, at, end, this.#handler);
      if (at < 0) return at;
    }
    if (this.#body.isDone) {
      this.#isInBody = false;
      const trailers = this.#body.trailers;
      if (trailers !== undefined) {
        for (const option of this.#connectionOptions) trailers.remove(option);
      }
      this.#handler.onRequestEnd(trailers);
    }
    return at;
  }

  /** Returns the offset in `bytes` behind the head, NEED_MORE when all bytes are used, or an error number. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    if (this.#heads.isMidHead) return this.#heads.read(bytes, start, end);
    const at = this.#skipEmptyLines(bytes, start, end);
    if (at < 0) return at;
    return at < end ? this.#heads.read(bytes, at, end) : NEED_MORE;
  }

  /** RFC 9112 section 2.2: a server ignores an empty line before a request line. */
  #skipEmptyLines(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end; at++) {
      if (this.#isInEmptyLine) {
        if (bytes[at] !== LF) return PARSE_ERROR.lineEndInvalid;
        this.#isInEmptyLine = false;
        this.#emptyLineCount += 1;
        if (this.#emptyLineCount > LEADING_EMPTY_LINES_MAX) return PARSE_ERROR.methodInvalid;
      } else if (bytes[at] === CR) {
        this.#isInEmptyLine = true;
      } else {
        break;
      }
    }
    return at;
  }

  /** For the reader of heads. */
  scanHead(bytes: Buffer, start: number, end: number): number {
    const head = this.head;
    head.headers.clear();
    const fieldsAt = line.scan(bytes, start, end);
    if (fieldsAt < 0) return fieldsAt;
    const used = scanFields(bytes, fieldsAt, end, start, head.headers);
    if (used < 0) return used;
    const text = latin1(bytes, start, used);
    head.headers.text = text;
    head.method = methodOf(text);
    head.target = text.slice(line.targetStart - start, line.targetEnd - start);
    head.queryAt = line.queryAt;
    head.hasSpecialBytes = line.hasSpecialBytes;
    head.minorVersion = line.minorVersion;
    this.#emptyLineCount = 0;
    const error = this.#interpret(head);
    return error < 0 ? error : used;
  }

  /** Framing, authority and connection handling. Returns 0 or an error number. */
  #interpret(head: RequestHead): number {
    const error = framing.read(head.headers);
    if (error !== 0) return error;
    this.#connectionOptions = framing.options;
    const isHttp11 = head.minorVersion === 1;
    // RFC 9112 section 6.1: Transfer-Encoding in an HTTP/1.0 message is faulty framing.
    if (framing.isChunked && !isHttp11) return PARSE_ERROR.transferEncodingInvalid;
    if (framing.isChunked) head.bodyKind = BODY_CHUNKED;
    else head.bodyKind = framing.contentLength > 0 ? BODY_LENGTH : BODY_NONE;
    head.contentLength = framing.contentLength;
    // RFC 9112 section 9.3: HTTP/1.1 persists unless told to close, HTTP/1.0 only when asked to.
    head.keepAlive = !framing.hasClose && (isHttp11 || framing.hasKeepAlive);
    // RFC 9110 sections 10.1.1 and 7.8: both are ignored in an HTTP/1.0 request.
    head.expectsContinue = framing.expectsContinue && isHttp11;
    head.upgrade = isHttp11 ? framing.upgrade : "";
    head.acceptsTrailers = framing.acceptsTrailers;
    const tunnelError = this.#readTunnel(head);
    if (tunnelError !== 0) return tunnelError;
    this.#body.begin(head.bodyKind, framing.contentLength);
    return this.#readAuthority(head);
  }

  /** Upgrade and CONNECT: all that follows the head belongs to the tunnel, never to another request (T9). */
  #readTunnel(head: RequestHead): number {
    const isConnect = head.method === "CONNECT";
    if (head.upgrade === "" && !isConnect) return 0;
    head.keepAlive = false;
    // RFC 9110 section 9.3.6: CONNECT has no content. What its length means would be anybody's guess.
    if (isConnect && head.bodyKind === BODY_LENGTH) return PARSE_ERROR.contentLengthInvalid;
    if (isConnect && head.bodyKind === BODY_CHUNKED) return PARSE_ERROR.transferEncodingInvalid;
    if (isConnect || head.bodyKind !== BODY_NONE) {
      // RFC 9110 section 7.8: an Upgrade may be ignored. One with content would switch behind it.
      head.upgrade = "";
    }
    if (head.bodyKind !== BODY_NONE) return 0;
    head.bodyKind = BODY_TUNNEL;
    head.contentLength = -1;
    return 0;
  }

  /** The peer has ended the connection. Returns whether that is the end of a tunnel's bytes. */
  finish(): boolean {
    if (!this.#isInBody || !this.#body.endsWithConnection) return false;
    this.#isInBody = false;
    this.#handler.onRequestEnd(undefined);
    return true;
  }

  #readAuthority(head: RequestHead): number {
    const hostIndex = framing.hostIndex;
    // RFC 9112 section 3.2: more than one Host, and HTTP/1.1 without, are refused, whatever the target (T23).
    if (framing.hasRepeatedHost) return PARSE_ERROR.hostInvalid;
    if (hostIndex < 0 && head.minorVersion === 1) return PARSE_ERROR.hostInvalid;
    head.authority = "";
    head.startEnd = 0;
    if (hostIndex < 0) return readTarget(head);
    const headers = head.headers;
    if (!headers.isValue(hostIndex, this.#checkedAuthority)) {
      const host = headers.value(hostIndex);
      if (host !== "" && !isAuthority(host)) return PARSE_ERROR.hostInvalid;
      this.#checkedAuthority = detached(host);
    }
    head.authority = this.#checkedAuthority;
    if (hostIndex === 0 && head.minorVersion === 1 && headers.isTidy(0)) {
      head.startEnd = headers.endOf(0);
    }
    headers.drop(hostIndex);
    return readTarget(head);
  }
}

/** Common methods as constants, so that comparing them is a pointer comparison. */
function methodOf(text: string): string {
  if (text.startsWith("GET ")) return "GET";
  if (text.startsWith("POST ")) return "POST";
  return text.slice(0, text.indexOf(" "));
}
