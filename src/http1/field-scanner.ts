/**
 * Scans field lines (RFC 9112 section 5) straight from bytes into a HeaderBlock: names validated,
 * numbered and bounded in one pass. Strict: CRLF line ends only, no folding, no space around names.
 */
import { HEADER_COUNT_MAX } from "../core/limits.ts";
import { TOKEN_LOWER } from "../http/char-table.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import {
  candidateId,
  HEADER_HASH_SEED,
  HEADER_UNKNOWN,
  hashStep,
  isKnownName,
} from "../http/header-name.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { valueEndOf } from "./value-scanner.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;

/**
 * Reads field lines from `at` until the empty line that ends the section. Offsets are stored relative
 * to `base`. Returns the offset behind the empty line, NEED_MORE, or an error number. Pushes nothing
 * that must survive a NEED_MORE: the caller clears the block and scans again with more bytes.
 */
export function scanFields(
  bytes: Uint8Array,
  at: number,
  end: number,
  base: number,
  block: HeaderBlock,
): number {
  let position = at;
  for (;;) {
    if (position >= end) return NEED_MORE;
    if (bytes[position] === CR) {
      if (position + 1 >= end) return NEED_MORE;
      return bytes[position + 1] === LF ? position + 2 : PARSE_ERROR.lineEndInvalid;
    }
    position = scanField(bytes, position, end, base, block);
    if (position < 0) return position;
  }
}

/** One field line. Returns the offset behind its CRLF, NEED_MORE, or an error number. */
function scanField(
  bytes: Uint8Array,
  nameStart: number,
  end: number,
  base: number,
  block: HeaderBlock,
): number {
  let position = nameStart;
  let hash = HEADER_HASH_SEED;
  for (;;) {
    if (position >= end) return NEED_MORE;
    const lower = TOKEN_LOWER[bytes[position]!]!;
    if (lower === 0) break;
    hash = hashStep(hash, lower);
    position += 1;
  }
  if (bytes[position] !== COLON || position === nameStart)
    return nameError(bytes[position]!, position === nameStart);
  const nameEnd = position;
  position += 1;
  while (position < end && (bytes[position] === SPACE || bytes[position] === TAB)) position += 1;
  const valueStart = position;
  position = valueEndOf(bytes, position, end);
  if (position + 1 >= end) {
    return position < end && bytes[position] !== CR ? valueError(bytes[position]!) : NEED_MORE;
  }
  if (bytes[position] !== CR) return valueError(bytes[position]!);
  if (bytes[position + 1] !== LF) return PARSE_ERROR.lineEndInvalid;
  let valueEnd = position;
  while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) {
    valueEnd -= 1;
  }
  if (block.count >= HEADER_COUNT_MAX) return PARSE_ERROR.tooManyFields;
  const id = confirmedId(hash, bytes, nameStart, nameEnd);
  block.push(id, nameStart - base, nameEnd - base, valueStart - base, valueEnd - base);
  const isTidy =
    valueEnd === position && valueStart === nameEnd + 2 && bytes[nameEnd + 1] === SPACE;
  if (!isTidy) block.markUntidy();
  return position + 2;
}

function nameError(byte: number, isEmpty: boolean): number {
  if (byte === LF || byte === CR) return PARSE_ERROR.lineEndInvalid;
  // RFC 9112 section 5.2: a server refuses obs-fold; a line that starts with white space is one.
  if (isEmpty && (byte === SPACE || byte === TAB)) return PARSE_ERROR.fieldFolded;
  return PARSE_ERROR.fieldNameInvalid;
}

function valueError(byte: number): number {
  // RFC 9112 section 2.2 lets a recipient take a bare LF for a line end; servers differ in it (T4).
  return byte === LF ? PARSE_ERROR.lineEndInvalid : PARSE_ERROR.fieldValueInvalid;
}

/** The number of the name, after comparing its bytes: hashes are not proof (T19). */
function confirmedId(hash: number, bytes: Uint8Array, start: number, end: number): number {
  const id = candidateId(hash);
  return id !== HEADER_UNKNOWN && isKnownName(id, bytes, start, end) ? id : HEADER_UNKNOWN;
}
