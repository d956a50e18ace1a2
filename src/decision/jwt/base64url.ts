/**
 * Base64url as JWS demands it (RFC 7515 section 2): its alphabet alone, no padding, no white space, and one spelling for
 * each value, so that a token cannot be written in two ways.
 */
import { Buffer } from "node:buffer";

const NOT_IN_ALPHABET = 0xff;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The value of each character code below 128. */
const VALUES = valuesOf(ALPHABET);

/** The bytes that `text` from `start` to `end` stands for, or undefined. */
export function decodeBase64url(text: string, start = 0, end = text.length): Buffer | undefined {
  const rest = (end - start) % 4;
  if (rest === 1) return undefined;
  let last = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    last = code < 128 ? VALUES[code]! : NOT_IN_ALPHABET;
    if (last === NOT_IN_ALPHABET) return undefined;
  }
  // RFC 4648 section 3.5: bits that no byte uses are zero.
  if (rest === 2 && (last & 0x0f) !== 0) return undefined;
  if (rest === 3 && (last & 0x03) !== 0) return undefined;
  return Buffer.from(text.slice(start, end), "base64url");
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(NOT_IN_ALPHABET);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}
