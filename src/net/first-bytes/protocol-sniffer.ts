/**
 * Says from the first bytes of a connection what its client speaks. A function of the bytes from the
 * connection's start: more bytes turn "undecided" into a verdict once, and a verdict into no other.
 * It is no security boundary: who is refused as HTTP must not be let in as opaque.
 */
import { SNIFFED_BYTES_MAX } from "../../core/limits.ts";
import { TOKEN_LOWER } from "../../http/char-table.ts";
import { CLIENT_PREFACE, matchPreface, PREFACE_MISMATCH } from "../../http2/preface.ts";
import { matchTlsStart } from "./tls-start.ts";

export type SniffedProtocol = "undecided" | "tls" | "http2" | "http1" | "opaque";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const SLASH = 0x2f;
const ZERO = 0x30;
const NINE = 0x39;
const DELETE = 0x7f;
const VERSION_NAME = Buffer.from("HTTP/", "latin1");
const TARGET_SCHEME = Buffer.from("http", "latin1");

/**
 * `start` is the connection's first byte; the caller keeps the bytes while the answer is "undecided",
 * at most SNIFFED_BYTES_MAX. In a server-first protocol the client waits, so nothing comes to be judged,
 * and some clients stop within a prefix: the caller must give up after a short time, take the connection
 * as opaque, and forward what it kept. At the end of the client's bytes "undecided" means opaque, too.
 *
 * - "tls": a ClientHello begins; whether it is well-formed is for ClientHelloReader.
 * - "http2": all 24 bytes of the client's preface came (RFC 9113 section 3.4).
 * - "http1": a method, a target and `HTTP/` with a digit came, in bytes that some server may accept.
 *   What it gets is for the codec, also for HTTP/2.0 without a valid preface.
 * - "opaque": nothing of these, on the first byte that shows it.
 */
export function sniffProtocol(bytes: Buffer, start: number, end: number): SniffedProtocol {
  const matched = matchPreface(bytes, start, end, 0);
  if (matched === CLIENT_PREFACE.length) return "http2";
  if (matched !== PREFACE_MISMATCH) return "undecided";
  const tls = matchTlsStart(bytes, start, end);
  if (tls !== "other") return tls;
  return sniffRequestLine(bytes, start, Math.min(end, start + SNIFFED_BYTES_MAX));
}

/** RFC 9112 section 3: `method SP request-target SP HTTP-version`. */
function sniffRequestLine(bytes: Buffer, start: number, limit: number): SniffedProtocol {
  const isAtBound = limit - start === SNIFFED_BYTES_MAX;
  let at = start;
  // RFC 9112 section 2.2: servers skip empty lines before a request line. How many is for the codec.
  while (at < limit && (bytes[at] === CR || bytes[at] === LF)) at += 1;
  const methodAt = at;
  while (at < limit && TOKEN_LOWER[bytes[at]!] !== 0) at += 1;
  if (at === limit) return isAtBound ? "opaque" : "undecided";
  if (at === methodAt || bytes[at] !== SPACE) return "opaque";
  const targetAt = at + 1;
  at = targetAt;
  while (at < limit && isTargetByte(bytes[at]!)) at += 1;
  if (at < limit) {
    // A line that ends behind its target is HTTP/0.9 or a command of another protocol.
    if (at === targetAt || bytes[at] !== SPACE) return "opaque";
    const verdict = sniffVersion(bytes, at + 1, limit);
    if (verdict !== "undecided") return verdict;
  }
  if (!isAtBound) return "undecided";
  // A path or URL as long as this is nothing but a request's.
  return isWebTarget(bytes, targetAt, limit) ? "http1" : "opaque";
}

function sniffVersion(bytes: Buffer, versionAt: number, limit: number): SniffedProtocol {
  let at = versionAt;
  for (const expected of VERSION_NAME) {
    if (at === limit) return "undecided";
    if (bytes[at] !== expected) return "opaque";
    at += 1;
  }
  if (at === limit) return "undecided";
  return bytes[at]! >= ZERO && bytes[at]! <= NINE ? "http1" : "opaque";
}

/** More than RFC 3986 allows: what a codec would refuse must come before the codec. */
function isTargetByte(byte: number): boolean {
  return byte > SPACE && byte !== DELETE;
}

/** Origin-form or absolute-form (RFC 9112 section 3.2). */
function isWebTarget(bytes: Buffer, at: number, limit: number): boolean {
  if (at < limit && bytes[at] === SLASH) return true;
  if (limit - at < TARGET_SCHEME.length) return false;
  return bytes.compare(TARGET_SCHEME, 0, TARGET_SCHEME.length, at, at + TARGET_SCHEME.length) === 0;
}
