/**
 * The server's side of the HTTP/1.1 codec, without I/O: bytes in, calls on a handler out. One parser
 * serves one connection; it stops behind each message so that its owner decides when to go on.
 */
import { appended, latin1 } from "../core/bytes.ts";
import {
  HEAD_SIZE_BYTES_MAX,
  LEADING_EMPTY_LINES_MAX,
  REQUEST_LINE_BYTES_MAX,
} from "../core/limits.ts";
import { isAuthority } from "../http/authority.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, RequestHead } from "../http/request-head.ts";
import { BodyDecoder, type BodySink } from "./body-decoder.ts";
import {
  TARGET_CLASS,
  TARGET_INVALID,
  TARGET_PLAIN,
  TARGET_QUESTION,
  TOKEN_LOWER,
} from "./char-table.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";
import { Framing } from "./framing.ts";

/** Receives the parts of a request. Heads and ranges are valid only during the call. */
export interface RequestHandler extends BodySink {
  onRequestHead(head: RequestHead): void;
  onRequestEnd(trailers: HeaderBlock | undefined): void;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;

export class RequestParser {
  readonly head = new RequestHead();
  readonly #handler: RequestHandler;
  readonly #framing = new Framing();
  readonly #body = new BodyDecoder();
  #isInBody = false;
  #emptyLines = 0;
  /** Bytes of a head that is not complete. */
  #pending: Buffer | undefined;
  /** Where the target stands in the bytes being parsed. */
  #targetStart = 0;
  #targetEnd = 0;
  /** The last authority that was found well-formed: most requests of a connection repeat it. */
  #checkedAuthority = "";

  constructor(handler: RequestHandler) {
    this.#handler = handler;
  }

  /** Whether the first bytes of a message have been seen, but not its end. */
  get isMidMessage(): boolean {
    return this.#isInBody || this.#pending !== undefined;
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
      this.#handler.onRequestEnd(this.#body.trailers);
    }
    return at;
  }

  /** Returns the offset in `bytes` behind the head, NEED_MORE, or an error number. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const pending = this.#pending;
    if (pending === undefined) {
      const at = this.#skipEmptyLines(bytes, start, end);
      if (at < 0) return at;
      const used = this.#parseHead(bytes, at, Math.min(end, at + HEAD_SIZE_BYTES_MAX));
      if (used !== NEED_MORE) return used;
      if (end - at >= HEAD_SIZE_BYTES_MAX) return PARSE_ERROR.headTooLarge;
      if (end > at) this.#pending = Buffer.from(bytes.subarray(at, end));
      return NEED_MORE;
    }
    const scanEnd = Math.min(end, start + HEAD_SIZE_BYTES_MAX - pending.length);
    const whole = appended(pending, bytes, start, scanEnd);
    const at = this.#skipEmptyLines(whole, 0, whole.length);
    if (at < 0) return at;
    const used = this.#parseHead(whole, at, whole.length);
    if (used === NEED_MORE) {
      if (whole.length - at >= HEAD_SIZE_BYTES_MAX) return PARSE_ERROR.headTooLarge;
      this.#pending = at === 0 ? whole : whole.subarray(at);
      return NEED_MORE;
    }
    if (used < 0) return used;
    this.#pending = undefined;
    return start + used - pending.length;
  }

  /** RFC 9112 section 2.2: a server ignores an empty line before a request line. */
  #skipEmptyLines(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) {
      this.#emptyLines += 1;
      if (this.#emptyLines > LEADING_EMPTY_LINES_MAX) return PARSE_ERROR.methodInvalid;
      at += 2;
    }
    return at;
  }

  #parseHead(bytes: Buffer, start: number, end: number): number {
    const head = this.head;
    head.headers.clear();
    const fieldsAt = this.#scanRequestLine(bytes, start, end);
    if (fieldsAt < 0) return fieldsAt;
    const used = scanFields(bytes, fieldsAt, end, start, head.headers);
    if (used < 0) return used;
    const text = latin1(bytes, start, used);
    head.headers.text = text;
    head.method = methodOf(text);
    head.target = text.slice(this.#targetStart - start, this.#targetEnd - start);
    this.#emptyLines = 0;
    const error = this.#interpret(head);
    return error < 0 ? error : used;
  }

  /** Checks `METHOD SP target SP HTTP/1.x CRLF`. Returns the offset behind it. */
  #scanRequestLine(bytes: Buffer, start: number, end: number): number {
    const limit = Math.min(end, start + REQUEST_LINE_BYTES_MAX);
    let at = start;
    while (at < limit && TOKEN_LOWER[bytes[at]!] !== 0) at += 1;
    if (at < limit && (bytes[at] !== SPACE || at === start)) return PARSE_ERROR.methodInvalid;
    this.#targetStart = at + 1;
    at = this.#scanTarget(bytes, at + 1, limit);
    if (at < 0) return at;
    // The line ends ` HTTP/1.x` CRLF: eleven bytes from the space on.
    if (at + 11 > limit) {
      if (limit - start >= REQUEST_LINE_BYTES_MAX) return PARSE_ERROR.requestLineTooLong;
      return this.#partialVersion(bytes, at, limit);
    }
    if (bytes[at] !== SPACE || at === this.#targetStart) return PARSE_ERROR.targetInvalid;
    const error = versionError(bytes, at + 1);
    if (error !== 0) return error;
    this.head.minorVersion = bytes[at + 8]! - 0x30;
    if (bytes[at + 9] !== CR || bytes[at + 10] !== LF) {
      return bytes[at + 9] === LF || bytes[at + 9] === CR
        ? PARSE_ERROR.lineEndInvalid
        : PARSE_ERROR.versionInvalid;
    }
    return at + 11;
  }

  #scanTarget(bytes: Buffer, start: number, limit: number): number {
    const head = this.head;
    head.hasSpecialBytes = false;
    head.queryAt = -1;
    let at = start;
    let previousIsSpecial = false;
    for (; at < limit; at++) {
      const kind = TARGET_CLASS[bytes[at]!]!;
      if (kind === TARGET_PLAIN) {
        previousIsSpecial = false;
        continue;
      }
      if (kind === TARGET_INVALID) break;
      if (kind === TARGET_QUESTION) {
        if (head.queryAt < 0) head.queryAt = at - start;
      } else if (head.queryAt < 0) {
        // "/" and "." are special only in a row; "%" and backslash always are.
        const isSlashOrDot = bytes[at] === 0x2f || bytes[at] === 0x2e;
        if (!isSlashOrDot || previousIsSpecial) head.hasSpecialBytes = true;
        previousIsSpecial = isSlashOrDot;
      }
    }
    this.#targetEnd = at;
    if (at < limit && bytes[at] !== SPACE) {
      return bytes[at] === CR || bytes[at] === LF
        ? PARSE_ERROR.versionInvalid
        : PARSE_ERROR.targetInvalid;
    }
    return at;
  }

  /** Refuses what cannot become a version any more, so that HTTP/0.9 does not wait for a timeout. */
  #partialVersion(bytes: Buffer, at: number, limit: number): number {
    for (let i = 1; i < 9 && at + i < limit; i++) {
      const byte = bytes[at + i]!;
      if (byte === CR || byte === LF) return PARSE_ERROR.versionInvalid;
    }
    return NEED_MORE;
  }

  /** Framing, authority and connection handling. Returns 0 or an error number. */
  #interpret(head: RequestHead): number {
    const framing = this.#framing;
    const error = framing.read(head.headers);
    if (error !== 0) return error;
    // RFC 9112 section 6.1: Transfer-Encoding in an HTTP/1.0 message is faulty framing.
    if (framing.isChunked && head.minorVersion === 0) return PARSE_ERROR.transferEncodingInvalid;
    if (framing.isChunked) head.bodyKind = BODY_CHUNKED;
    else head.bodyKind = framing.contentLength > 0 ? BODY_LENGTH : BODY_NONE;
    head.contentLength = framing.contentLength;
    head.keepAlive = !framing.hasClose && (head.minorVersion === 1 || framing.hasKeepAlive);
    head.expectsContinue = framing.expectsContinue && head.minorVersion === 1;
    head.upgrade = framing.upgrade;
    this.#body.begin(head.bodyKind, framing.contentLength);
    return this.#readAuthority(head, framing.hostIndex);
  }

  #readAuthority(head: RequestHead, hostIndex: number): number {
    const host = hostIndex < 0 ? "" : head.headers.value(hostIndex);
    if (hostIndex >= 0) head.headers.drop(hostIndex);
    // RFC 9112 section 3.2: an HTTP/1.1 request without Host is refused.
    else if (head.minorVersion === 1) return PARSE_ERROR.hostInvalid;
    head.authority = host;
    if (host !== "" && host !== this.#checkedAuthority) {
      if (!isAuthority(host)) return PARSE_ERROR.hostInvalid;
      this.#checkedAuthority = host;
    }
    if (head.target.charCodeAt(0) === 0x2f)
      return head.method === "CONNECT" ? PARSE_ERROR.targetFormInvalid : 0;
    return this.#readOtherForm(head);
  }

  /** Authority-form, asterisk-form and absolute-form (RFC 9112 sections 3.2.2 to 3.2.4). */
  #readOtherForm(head: RequestHead): number {
    const target = head.target;
    if (head.method === "CONNECT") {
      if (!isAuthority(target) || !/:\d+$/.test(target)) return PARSE_ERROR.targetFormInvalid;
      head.authority = target;
      return 0;
    }
    if (target === "*") return head.method === "OPTIONS" ? 0 : PARSE_ERROR.targetFormInvalid;
    const match = /^https?:\/\/([^/?]+)/i.exec(target);
    if (match === null || !isAuthority(match[1] ?? "")) return PARSE_ERROR.targetFormInvalid;
    // Section 3.2.2: the target's authority replaces Host.
    head.authority = match[1] ?? "";
    const rest = target.slice(match[0].length);
    head.target = rest.startsWith("/") ? rest : `/${rest}`;
    head.queryAt = head.target.indexOf("?");
    head.hasSpecialBytes = true;
    return 0;
  }
}

/** Common methods as constants, so that comparing them is a pointer comparison. */
function methodOf(text: string): string {
  if (text.startsWith("GET ")) return "GET";
  if (text.startsWith("POST ")) return "POST";
  return text.slice(0, text.indexOf(" "));
}

/** 0 for HTTP/1.0 and HTTP/1.1 at this offset, otherwise an error number. */
function versionError(bytes: Buffer, at: number): number {
  const isHttp =
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 6] === 0x2e;
  const major = bytes[at + 5]! - 0x30;
  const minor = bytes[at + 7]! - 0x30;
  if (!isHttp || major < 0 || major > 9 || minor < 0 || minor > 9)
    return PARSE_ERROR.versionInvalid;
  return major === 1 && minor <= 1 ? 0 : PARSE_ERROR.versionUnsupported;
}
