/** Scans `HTTP-version SP status-code SP [reason-phrase] CRLF` (RFC 9112 section 4) straight from bytes. */
import { START_LINE_BYTES_MAX } from "../core/limits.ts";
import { FIELD_VALUE } from "../http/char-table.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;

/**
 * What may stand at each place of the part of fixed length, from the lowest byte to the highest. Status
 * codes are 100 to 599: RFC 9110 section 15 wants others taken for a server's failure, which refusing does.
 */
const LOWEST = Buffer.from("HTTP/1.0 100", "latin1");
const HIGHEST = Buffer.from("HTTP/1.1 599", "latin1");
/** Where parts of a status line stand: all but the reason are of fixed length. */
const MINOR_AT = 7;
const STATUS_AT = 9;
const STATUS_END = 12;
export const REASON_AT = 13;

/**
 * Returns the offset behind the line, NEED_MORE, or an error number. The space before an absent reason
 * may be absent too: section 4 wants it, but many servers leave it out and nothing depends on it.
 */
export function scanStatusLine(bytes: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + START_LINE_BYTES_MAX);
  const available = limit - start;
  const error = fixedPartError(bytes, start, Math.min(available, STATUS_END));
  if (error !== 0) return error;
  if (available <= STATUS_END) return NEED_MORE;
  let at = start + STATUS_END;
  if (bytes[at] === LF) return PARSE_ERROR.lineEndInvalid;
  if (bytes[at] !== SPACE && bytes[at] !== CR) return PARSE_ERROR.statusLineInvalid;
  while (at < limit && FIELD_VALUE[bytes[at]!] === 1) at += 1;
  if (at + 1 >= limit && (at >= limit || bytes[at] === CR)) {
    return available >= START_LINE_BYTES_MAX ? PARSE_ERROR.statusLineInvalid : NEED_MORE;
  }
  if (bytes[at] === CR) return bytes[at + 1] === LF ? at + 2 : PARSE_ERROR.lineEndInvalid;
  return bytes[at] === LF ? PARSE_ERROR.lineEndInvalid : PARSE_ERROR.statusLineInvalid;
}

/** Judges as much of `HTTP/1.x SP 3DIGIT` as has come. Returns 0 or an error number. */
function fixedPartError(bytes: Buffer, start: number, available: number): number {
  for (let i = 0; i < available; i++) {
    const byte = bytes[start + i]!;
    if (byte < LOWEST[i]! || byte > HIGHEST[i]!) {
      return i === MINOR_AT ? PARSE_ERROR.versionUnsupported : PARSE_ERROR.statusLineInvalid;
    }
  }
  return 0;
}

/** The minor version of the well-formed line that begins here. */
export function minorVersionAt(bytes: Buffer, start: number): number {
  return bytes[start + MINOR_AT]! - ZERO;
}

/** The status code of the well-formed line that begins here. */
export function statusAt(bytes: Buffer, start: number): number {
  const hundreds = bytes[start + STATUS_AT]! - ZERO;
  const tens = bytes[start + STATUS_AT + 1]! - ZERO;
  return hundreds * 100 + tens * 10 + bytes[start + STATUS_AT + 2]! - ZERO;
}

/** For PartialSection: what may prolong the end of an incomplete status line. */
export function statusLineClass(line: Buffer): Uint8Array | undefined {
  return line.length > STATUS_END ? FIELD_VALUE : undefined;
}
