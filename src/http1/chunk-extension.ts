/**
 * The grammar of chunk extensions (RFC 9112 section 7.1.1), a byte at a time. They are dropped, but one
 * that another parser could end elsewhere must not pass. Stricter than the RFC: no white space around
 * `;` and `=`, which section 7.1.1 calls bad and lets nobody send.
 */
import { FIELD_VALUE, TOKEN_LOWER } from "../http/char-table.ts";

/** Behind `;`: a name must begin. */
export const EXTENSION_NAME_START = 0;
const NAME = 1;
/** Behind `=`: a token or a quoted string must begin. */
const VALUE_START = 2;
const VALUE = 3;
const QUOTED = 4;
const QUOTED_PAIR = 5;
const QUOTED_END = 6;
export const EXTENSION_INVALID = -1;

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The state behind `byte`, which is not a line end, or EXTENSION_INVALID. */
export function nextExtensionState(state: number, byte: number): number {
  switch (state) {
    case EXTENSION_NAME_START:
      return tokenOnly(NAME, byte);
    case NAME:
      if (byte === EQUALS) return VALUE_START;
      return tokenOrNext(NAME, byte);
    case VALUE_START:
      return byte === QUOTE ? QUOTED : tokenOnly(VALUE, byte);
    case VALUE:
      return tokenOrNext(VALUE, byte);
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END;
      if (byte === BACKSLASH) return QUOTED_PAIR;
      return FIELD_VALUE[byte] === 0 ? EXTENSION_INVALID : QUOTED;
    case QUOTED_PAIR:
      return FIELD_VALUE[byte] === 0 ? EXTENSION_INVALID : QUOTED;
    default:
      return byte === SEMICOLON ? EXTENSION_NAME_START : EXTENSION_INVALID;
  }
}

/** Whether the line may end here. */
export function canExtensionEnd(state: number): boolean {
  return state === NAME || state === VALUE || state === QUOTED_END;
}

function tokenOrNext(state: number, byte: number): number {
  return byte === SEMICOLON ? EXTENSION_NAME_START : tokenOnly(state, byte);
}

function tokenOnly(state: number, byte: number): number {
  return TOKEN_LOWER[byte] === 0 ? EXTENSION_INVALID : state;
}
