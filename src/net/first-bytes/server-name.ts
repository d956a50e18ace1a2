/** Host names as clients may name them in a TLS handshake (RFC 6066 section 3). */
import { latin1 } from "../../core/bytes.ts";

/** RFC 1035 section 2.3.4, without the root's own byte. */
const NAME_BYTES_MAX = 253;
const LABEL_BYTES_MAX = 63;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Lower-case form of each byte that a label may have, otherwise 0: letters, digits, hyphen, and the
 * underscore of service names. Hyphens may stand anywhere, as in names that exist. NUL, what is not
 * ASCII, wildcards and the colons of IPv6 are not among them.
 */
const LABEL_LOWER = new Uint8Array(256);
for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") {
  LABEL_LOWER[char.charCodeAt(0)] = char.toLowerCase().charCodeAt(0);
}

/**
 * The host name in lower case, or undefined when the bytes are none: RFC 6066 section 3 asks for ASCII
 * without a trailing dot and refuses IP addresses.
 */
export function hostNameFrom(bytes: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  if (length < 1 || length > NAME_BYTES_MAX) return undefined;
  let labelAt = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== DOT) {
      if (LABEL_LOWER[bytes[at]!] === 0) return undefined;
      continue;
    }
    if (at === labelAt || at - labelAt > LABEL_BYTES_MAX) return undefined;
    if (at === end && isNumber(bytes, labelAt, end)) return undefined;
    labelAt = at + 1;
  }
  return latin1(bytes, start, end).toLowerCase();
}

/** RFC 3696 section 2: no top-level domain is all digits; resolvers read such names, and `0x7f.1`, as IPv4 addresses. */
function isNumber(bytes: Buffer, start: number, end: number): boolean {
  const text = latin1(bytes, start, end);
  if (/^0[xX][0-9a-fA-F]*$/.test(text)) return true;
  for (let at = start; at < end; at++) {
    if (bytes[at]! < ZERO || bytes[at]! > NINE) return false;
  }
  return true;
}
