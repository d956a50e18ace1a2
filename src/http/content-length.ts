/** Content-Length (RFC 9110 section 8.6, T2): digits and nothing else. */
import { CONTENT_LENGTH_DIGITS_MAX } from "../core/limits.ts";
import { trimOws } from "./ows.ts";

const ZERO = 0x30;

/** A decimal number, or a list of the same one, which section 8.6 lets a recipient merge. Returns -1 otherwise. */
export function parseContentLength(value: string): number {
  if (!value.includes(",")) return parseDecimal(value);
  let merged = -1;
  for (const item of value.split(",")) {
    const number = parseDecimal(trimOws(item));
    if (number < 0 || (merged >= 0 && number !== merged)) return -1;
    merged = number;
  }
  return merged;
}

function parseDecimal(digits: string): number {
  if (digits.length === 0 || digits.length > CONTENT_LENGTH_DIGITS_MAX) return -1;
  let number = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
