/** Reads one DNS query strictly: whatever it holds, reading ends, and allocates no more than its name. */
import {
  CLASS_IN,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  HEADER_BYTES,
  RCODE_BAD_VERSION,
  RCODE_FORMAT_ERROR,
  RCODE_NOT_IMPLEMENTED,
  readName,
  TYPE_OPT,
} from "./wire.ts";

export interface DnsQuery {
  readonly id: number;
  readonly wantsRecursion: boolean;
  /** As {@link WireName.text}. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question section ends; it begins behind the header. */
  readonly questionEnd: number;
  readonly hasEdns: boolean;
  /** What the client can take over UDP, bytes. */
  readonly udpBytesMax: number;
}

export type ReadQuery =
  | { readonly kind: "query"; readonly query: DnsQuery }
  /** It is told why; `questionEnd` is 12 when its question cannot be repeated. */
  | {
      readonly kind: "faulty";
      readonly code: number;
      readonly query: DnsQuery;
    }
  /** No answer: it is one itself, or too short to have an id. */
  | { readonly kind: "ignored" };

/** Without EDNS, RFC 1035 section 4.2.1. */
const UDP_BYTES_MIN = 512;
/** Records behind the question: an OPT and a signature are what clients send. */
const RECORDS_MAX = 4;
const OPCODE_SHIFT = 11;
const OPCODE_MASK = 0xf;

export function readQuery(bytes: Uint8Array): ReadQuery {
  if (bytes.length < HEADER_BYTES) return { kind: "ignored" };
  const flags = u16(bytes, 2);
  // Two servers that answer each other's answers would never end.
  if ((flags & FLAG_RESPONSE) !== 0) return { kind: "ignored" };
  const head: DnsQuery = {
    id: u16(bytes, 0),
    wantsRecursion: (flags & FLAG_RECURSION_DESIRED) !== 0,
    name: "",
    type: 0,
    class: CLASS_IN,
    questionEnd: HEADER_BYTES,
    hasEdns: false,
    udpBytesMax: UDP_BYTES_MIN,
  };
  if (((flags >> OPCODE_SHIFT) & OPCODE_MASK) !== 0) {
    return { kind: "faulty", code: RCODE_NOT_IMPLEMENTED, query: head };
  }
  // RFC 9619: a query has one question.
  if (u16(bytes, 4) !== 1) return { kind: "faulty", code: RCODE_FORMAT_ERROR, query: head };
  const name = readName(bytes, HEADER_BYTES);
  if (name === undefined || name.end + 4 > bytes.length) {
    return { kind: "faulty", code: RCODE_FORMAT_ERROR, query: head };
  }
  const asked: DnsQuery = {
    ...head,
    name: name.text,
    type: u16(bytes, name.end),
    class: u16(bytes, name.end + 2),
    questionEnd: name.end + 4,
  };
  return readRecords(bytes, asked);
}

/** Of what follows the question only OPT has a meaning for a query: RFC 6891 section 6.1. */
function readRecords(bytes: Uint8Array, asked: DnsQuery): ReadQuery {
  const faulty = (code: number, query = asked): ReadQuery => ({ kind: "faulty", code, query });
  const count = u16(bytes, 6) + u16(bytes, 8) + u16(bytes, 10);
  if (count > RECORDS_MAX) return faulty(RCODE_FORMAT_ERROR);
  let query = asked;
  let at = asked.questionEnd;
  for (let index = 0; index < count; index++) {
    const owner = readName(bytes, at);
    if (owner === undefined || owner.end + 10 > bytes.length) return faulty(RCODE_FORMAT_ERROR);
    const { end } = owner;
    at = end + 10 + u16(bytes, end + 8);
    if (at > bytes.length) return faulty(RCODE_FORMAT_ERROR);
    if (u16(bytes, end) !== TYPE_OPT) continue;
    // Section 6.1.1: more than one is a format error, and its owner is the root.
    if (query.hasEdns || owner.text !== "") return faulty(RCODE_FORMAT_ERROR);
    const udpBytesMax = Math.max(u16(bytes, end + 2), UDP_BYTES_MIN);
    query = { ...asked, hasEdns: true, udpBytesMax };
    const version = bytes[end + 5]!;
    // Section 6.1.3.
    if (version !== 0) return faulty(RCODE_BAD_VERSION, query);
  }
  return { kind: "query", query };
}

/** Whether `answer` is one to this query: same id, same question (RFC 5452 section 9.1), whatever its case. */
export function answers(answer: Uint8Array, id: number, query: Uint8Array, end: number): boolean {
  if (answer.length < end || u16(answer, 0) !== id) return false;
  if ((u16(answer, 2) & FLAG_RESPONSE) === 0 || u16(answer, 4) !== 1) return false;
  for (let at = HEADER_BYTES; at < end; at++) {
    if (lower(answer[at]!) !== lower(query[at]!)) return false;
  }
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
