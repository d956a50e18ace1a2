/** Prefix integers of HPACK (RFC 7541 section 5.1), bounded: no field needs more than 28 bits. */

/** The bytes end within the integer. */
export const INTEGER_TRUNCATED = -1;
/** The integer is larger than INTEGER_MAX or takes more bytes than that needs. */
export const INTEGER_TOO_LARGE = -2;
export const INTEGER_MAX = 2 ** 27 - 1;

/** Continuation bytes that INTEGER_MAX needs. Zeros that lengthen an integer without end are refused (section 5.1). */
const CONTINUATION_BYTES_MAX = 4;

/**
 * Reads the integer whose first byte is at `at`; the prefix is the bits of `mask`. Returns value and
 * size packed in one number, read with `integerValue` and `integerSize`, or a negative error.
 */
export function decodeInteger(bytes: Uint8Array, at: number, end: number, mask: number): number {
  const prefix = bytes[at]! & mask;
  if (prefix < mask) return prefix * 8 + 1;
  let value = mask;
  for (let i = 0; i < CONTINUATION_BYTES_MAX; i++) {
    if (at + 1 + i >= end) return INTEGER_TRUNCATED;
    const byte = bytes[at + 1 + i]!;
    value += (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value > INTEGER_MAX ? INTEGER_TOO_LARGE : value * 8 + 2 + i;
  }
  return INTEGER_TOO_LARGE;
}

export function integerValue(packed: number): number {
  return Math.floor(packed / 8);
}

/** Bytes that the integer takes, the one with the prefix included. */
export function integerSize(packed: number): number {
  return packed % 8;
}

/** Writes an integer of at most INTEGER_MAX behind the bits `flags` of its first byte. Returns the offset behind it. */
export function encodeInteger(
  out: Uint8Array,
  at: number,
  mask: number,
  flags: number,
  value: number,
): number {
  if (value < mask) {
    out[at] = flags | value;
    return at + 1;
  }
  out[at] = flags | mask;
  let rest = value - mask;
  let position = at + 1;
  while (rest >= 0x80) {
    out[position] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    position += 1;
  }
  out[position] = rest;
  return position + 1;
}
