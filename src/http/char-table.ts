/** Byte classes of HTTP messages (RFC 9110 section 5.6.2, RFC 9112 section 3.2), as tables for the codecs' loops. */

const TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** For a byte of a token its lower-case form, otherwise 0. */
export const TOKEN_LOWER = new Uint8Array(256);
for (const char of TCHAR) TOKEN_LOWER[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);

/** 1 for bytes of a field value: VCHAR, obs-text, space and tab (RFC 9110 section 5.5). */
export const FIELD_VALUE = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  FIELD_VALUE[byte] = byte === 0x09 || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0;
}

export const TARGET_INVALID = 0;
export const TARGET_PLAIN = 1;
/** Bytes after which a path may differ from its normal form: `%`, backslash, and `/` or `.` in a row. */
export const TARGET_SPECIAL = 2;
export const TARGET_QUESTION = 3;

/**
 * Classes of request-target bytes. Space, controls, non-ASCII and `#` are refused: RFC 3986 has no
 * such bytes in a target, and servers differ in what they make of them (T22).
 */
export const TARGET_CLASS = new Uint8Array(256);
for (let byte = 0x21; byte < 0x7f; byte++) TARGET_CLASS[byte] = TARGET_PLAIN;
for (const char of '"<>^`{}|') TARGET_CLASS[char.charCodeAt(0)] = TARGET_PLAIN;
for (const char of "%\\/.") TARGET_CLASS[char.charCodeAt(0)] = TARGET_SPECIAL;
TARGET_CLASS["?".charCodeAt(0)] = TARGET_QUESTION;
TARGET_CLASS["#".charCodeAt(0)] = TARGET_INVALID;

/** For a hexadecimal digit its value, otherwise 255. */
export const HEX_VALUE = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX_VALUE[digit.charCodeAt(0)] = value;
  HEX_VALUE[digit.toUpperCase().charCodeAt(0)] = value;
}
