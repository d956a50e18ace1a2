/** The numbers of the DNS that are needed here (RFC 1035, 2782, 3596, 6891), and names in its wire format. */

export const TYPE_A = 1;
export const TYPE_SOA = 6;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_OPT = 41;
export const TYPE_ANY = 255;
export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export const RCODE_OK = 0;
export const RCODE_FORMAT_ERROR = 1;
export const RCODE_SERVER_FAILURE = 2;
export const RCODE_NO_SUCH_NAME = 3;
export const RCODE_NOT_IMPLEMENTED = 4;
export const RCODE_REFUSED = 5;
/** Needs EDNS to be said (RFC 6891 section 9). */
export const RCODE_BAD_VERSION = 16;

/** The head of every message, RFC 1035 section 4.1.1. */
export const HEADER_BYTES = 12;
export const FLAG_RESPONSE = 0x8000;
export const FLAG_AUTHORITATIVE = 0x0400;
export const FLAG_TRUNCATED = 0x0200;
export const FLAG_RECURSION_DESIRED = 0x0100;
export const FLAG_RECURSION_AVAILABLE = 0x0080;

/** A name in wire format, its end included: RFC 1035 section 2.3.4. */
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
/** The two high bits of a length that is a pointer, RFC 1035 section 4.1.4. */
const POINTER = 0xc0;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

export interface WireName {
  /**
   * Lower-case, labels joined by dots, without one at the end; the root is empty. A dot or backslash within a label
   * has a backslash before it, so that two names never read alike.
   */
  readonly text: string;
  /** Where what follows it begins. */
  readonly end: number;
}

/**
 * The name at `start`, or undefined when it is malformed. A pointer must lead to before where it stands and what it
 * continues: so no chain of them has a loop, and a name is read in at most 255 steps.
 */
export function readName(bytes: Uint8Array, start: number): WireName | undefined {
  let text = "";
  let size = 1;
  let at = start;
  let barrier = start;
  let end = -1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text, end: end < 0 ? at + 1 : end };
    if ((length & POINTER) === POINTER) {
      if (end < 0) end = at + 2;
      at = pointerAt(bytes, at);
      if (at >= barrier) return undefined;
      barrier = at;
      continue;
    }
    // The other two forms of a length were never given a meaning that holds (RFC 6891 section 5).
    if (length > LABEL_BYTES_MAX) return undefined;
    size += length + 1;
    if (size > NAME_BYTES_MAX || at + length >= bytes.length) return undefined;
    text += (text === "" ? "" : ".") + labelText(bytes, at + 1, length);
    at += length + 1;
  }
}

/** Beyond everything when it is cut short. */
function pointerAt(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) & ~POINTER) << 8) | (bytes[at + 1] ?? 0x1_0000);
}

function labelText(bytes: Uint8Array, start: number, length: number): string {
  let text = "";
  for (let at = start; at < start + length; at++) {
    const byte = bytes[at]!;
    if (byte === DOT || byte === BACKSLASH) text += "\\";
    // RFC 4343: only ASCII letters have a case here.
    text += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);
  }
  return text;
}

/** The wire format of a name of plain labels, uncompressed; undefined when it is none. */
export function encodeName(name: string): Uint8Array | undefined {
  const labels = name === "" ? [] : name.split(".");
  const bytes = new Uint8Array(name === "" ? 1 : name.length + 2);
  if (bytes.length > NAME_BYTES_MAX) return undefined;
  let at = 0;
  for (const label of labels) {
    if (label === "" || label.length > LABEL_BYTES_MAX) return undefined;
    bytes[at++] = label.length;
    for (let i = 0; i < label.length; i++) {
      const code = label.charCodeAt(i);
      if (code > 0x7e || code <= 0x20 || code === BACKSLASH) return undefined;
      bytes[at++] = code;
    }
  }
  return bytes;
}
