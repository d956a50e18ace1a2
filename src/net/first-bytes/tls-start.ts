/** How a TLS connection begins: the header of a handshake record and the start of a ClientHello within it (RFC 8446 sections 4 and 5.1). */

/** Bytes of a record's type, version and length. */
export const RECORD_HEADER_BYTES = 5;
export const RECORD_LENGTH_AT = 3;
/** RFC 8446 section 5.1: 2^14, the most that one record of plain text carries. */
export const RECORD_LENGTH_MAX = 16 * 1024;
export const CONTENT_TYPE_HANDSHAKE = 22;
export const HANDSHAKE_CLIENT_HELLO = 1;
/** Bytes of a handshake message's type and length. */
export const HANDSHAKE_HEADER_BYTES = 4;
export const VERSION_MAJOR = 3;

const VERSION_MINOR_MAX = 4;
const HELLO_VERSION_AT = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES;

export type TlsStart = "undecided" | "tls" | "other";

/**
 * Whether the connection that begins at `start` opens with a ClientHello. Decides on the first byte
 * that differs, and on the tenth byte at the latest. The last one looked at, the major version within
 * the hello, tells it from length-prefixed protocols whose numbers happen to agree.
 */
export function matchTlsStart(bytes: Buffer, start: number, end: number): TlsStart {
  const count = end - start;
  if (count > 0 && bytes[start] !== CONTENT_TYPE_HANDSHAKE) return "other";
  // RFC 8446 section 5.1 has the record version ignored, but none was ever sent outside 0x0300 to 0x0304.
  if (count > 1 && bytes[start + 1] !== VERSION_MAJOR) return "other";
  if (count > 2 && bytes[start + 2]! > VERSION_MINOR_MAX) return "other";
  if (count < RECORD_HEADER_BYTES) return "undecided";
  const length = bytes.readUInt16BE(start + RECORD_LENGTH_AT);
  // Section 5.1: handshake records are never empty nor longer.
  if (length === 0 || length > RECORD_LENGTH_MAX) return "other";
  if (count === RECORD_HEADER_BYTES) return "undecided";
  if (bytes[start + RECORD_HEADER_BYTES] !== HANDSHAKE_CLIENT_HELLO) return "other";
  if (RECORD_HEADER_BYTES + length <= HELLO_VERSION_AT) return "tls";
  if (count <= HELLO_VERSION_AT) return "undecided";
  return bytes[start + HELLO_VERSION_AT] === VERSION_MAJOR ? "tls" : "other";
}
