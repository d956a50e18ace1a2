/** CRC32c (RFC 4960 appendix B), the checksum of PROXY headers. */

/** Reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  TABLE[byte] = rest;
}

/** The checksum of a range in which the bytes from `zeroStart` to `zeroEnd` count as zero. Unsigned. */
export function crc32c(
  bytes: Buffer,
  start: number,
  end: number,
  zeroStart: number,
  zeroEnd: number,
): number {
  let rest = 0xffffffff;
  for (let at = start; at < end; at++) {
    const byte = at >= zeroStart && at < zeroEnd ? 0 : bytes[at]!;
    rest = TABLE[(rest ^ byte) & 0xff]! ^ (rest >>> 8);
  }
  return ~rest >>> 0;
}
