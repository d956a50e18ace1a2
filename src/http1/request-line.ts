/** Scans `method SP request-target SP HTTP-version CRLF` (RFC 9112 section 3) straight from bytes. */
import { START_LINE_BYTES_MAX } from "../core/limits.ts";
import {
  TARGET_CLASS,
  TARGET_INVALID,
  TARGET_PLAIN,
  TARGET_QUESTION,
  TOKEN_LOWER,
} from "../http/char-table.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** `HTTP/1.1` and CRLF. */
const VERSION_AND_END_BYTES = 10;
/** Where the digits of `HTTP/1.1` stand. */
const MAJOR_AT = 5;
const MINOR_AT = 7;
const VERSION_BYTES = 8;
const VERSION_PATTERN = Buffer.from("HTTP/1.1", "latin1");

/** What stands in a request line, as offsets into the bytes that were scanned. Reused by its parser. */
export class RequestLine {
  targetStart = 0;
  targetEnd = 0;
  /** Offset of `?` in the target, or -1. */
  queryAt = -1;
  /** The target's path has bytes after which its normal form may differ. */
  hasSpecialBytes = false;
  minorVersion = 1;

  /** Returns the offset behind the line, NEED_MORE, or an error number. */
  scan(bytes: Buffer, start: number, end: number): number {
    const limit = Math.min(end, start + START_LINE_BYTES_MAX);
    let at = start;
    while (at < limit && TOKEN_LOWER[bytes[at]!] !== 0) at += 1;
    if (at < limit && (bytes[at] !== SPACE || at === start)) return PARSE_ERROR.methodInvalid;
    at = this.#scanTarget(bytes, at + 1, limit);
    if (at < 0) return at;
    const verdict = scanVersion(bytes, at + 1, limit);
    if (verdict === NEED_MORE) {
      return limit - start >= START_LINE_BYTES_MAX ? PARSE_ERROR.requestLineTooLong : NEED_MORE;
    }
    if (verdict < 0) return verdict;
    this.minorVersion = bytes[at + 1 + MINOR_AT]! - ZERO;
    return at + 1 + VERSION_AND_END_BYTES;
  }

  /** Returns the offset of the space behind the target, `limit` or more when it is not there yet, or an error number. */
  #scanTarget(bytes: Buffer, start: number, limit: number): number {
    this.targetStart = start;
    let queryAt = -1;
    let hasSpecialBytes = false;
    let isBehindSlashOrDot = false;
    let at = start;
    for (; at < limit; at++) {
      const byte = bytes[at]!;
      const kind = TARGET_CLASS[byte]!;
      if (kind === TARGET_PLAIN) {
        isBehindSlashOrDot = false;
        continue;
      }
      if (kind === TARGET_INVALID) break;
      if (kind === TARGET_QUESTION) {
        if (queryAt < 0) queryAt = at - start;
      } else if (queryAt < 0) {
        // "/" and "." are special only in a row; "%" and backslash always are.
        const isSlashOrDot = byte === SLASH || byte === DOT;
        if (!isSlashOrDot || isBehindSlashOrDot) hasSpecialBytes = true;
        isBehindSlashOrDot = isSlashOrDot;
      }
    }
    this.targetEnd = at;
    this.queryAt = queryAt;
    this.hasSpecialBytes = hasSpecialBytes;
    if (at >= limit) return at;
    if (bytes[at] === SPACE) return at === start ? PARSE_ERROR.targetInvalid : at;
    // A line that ends behind its target is HTTP/0.9.
    const isLineEnd = bytes[at] === CR || bytes[at] === LF;
    return isLineEnd ? PARSE_ERROR.versionInvalid : PARSE_ERROR.targetInvalid;
  }
}

/** Judges as much of `HTTP/1.x` CRLF as has come. Returns 0 when it is complete, NEED_MORE, or an error number. */
function scanVersion(bytes: Buffer, at: number, limit: number): number {
  const available = limit - at;
  for (let i = 0; i < VERSION_BYTES; i++) {
    if (i >= available) return NEED_MORE;
    const byte = bytes[at + i]!;
    if (i === MAJOR_AT || i === MINOR_AT) {
      if (byte < ZERO || byte > NINE) return PARSE_ERROR.versionInvalid;
    } else if (byte !== VERSION_PATTERN[i]) {
      return PARSE_ERROR.versionInvalid;
    }
  }
  const major = bytes[at + MAJOR_AT]! - ZERO;
  const minor = bytes[at + MINOR_AT]! - ZERO;
  // RFC 9110 section 2.5 lets HTTP/1.2 pass for 1.1. There is no such version; who sends it probes.
  if (major !== 1 || minor > 1) return PARSE_ERROR.versionUnsupported;
  if (available <= VERSION_BYTES) return NEED_MORE;
  const endByte = bytes[at + VERSION_BYTES];
  if (endByte !== CR) {
    return endByte === LF ? PARSE_ERROR.lineEndInvalid : PARSE_ERROR.versionInvalid;
  }
  if (available === VERSION_BYTES + 1) return NEED_MORE;
  return bytes[at + VERSION_BYTES + 1] === LF ? 0 : PARSE_ERROR.lineEndInvalid;
}

/** For PartialSection: what may prolong the end of an incomplete request line. */
export function requestLineClass(line: Buffer): Uint8Array | undefined {
  const methodEnd = line.indexOf(SPACE);
  if (methodEnd < 0) return TOKEN_LOWER;
  return line.indexOf(SPACE, methodEnd + 1) < 0 ? TARGET_CLASS : undefined;
}
