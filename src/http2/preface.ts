/** The bytes with which a client opens an HTTP/2 connection (RFC 9113 section 3.4). */
import { Buffer } from "node:buffer";

export const CLIENT_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The bytes are not the preface's. */
export const PREFACE_MISMATCH = -1;

/**
 * Compares bytes with the preface from its byte `matched` on. Returns how much of the preface is matched
 * now, all of it at CLIENT_PREFACE.length, or PREFACE_MISMATCH.
 */
export function matchPreface(bytes: Buffer, start: number, end: number, matched: number): number {
  const count = Math.min(CLIENT_PREFACE.length - matched, end - start);
  for (let i = 0; i < count; i++) {
    if (bytes[start + i] !== CLIENT_PREFACE[matched + i]) return PREFACE_MISMATCH;
  }
  return matched + count;
}
