/** Byte classes of field names and values in HTTP/2 (RFC 9113 section 8.2.1, RFC 9110 section 5.5), for the codec's loops. */
import { FIELD_VALUE, TOKEN_LOWER } from "../../http/char-table.ts";

/** The byte stands in no field name: not a token character, or upper case. */
export const NAME_BAD = 1;
/** The byte stands in no field value: a control character. NUL, CR and LF would split messages in HTTP/1.1 (T7). */
export const VALUE_BAD = 2;

/** The classes of each byte, or-ed. */
export const FIELD_BYTE = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const isName = TOKEN_LOWER[byte] !== 0 && TOKEN_LOWER[byte] === byte;
  FIELD_BYTE[byte] = (isName ? 0 : NAME_BAD) | (FIELD_VALUE[byte] === 1 ? 0 : VALUE_BAD);
}

/** RFC 9113 section 8.2.1: a value neither starts nor ends with space or tab. */
export function isPadded(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  const first = bytes[start]!;
  const last = bytes[end - 1]!;
  return first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09;
}
