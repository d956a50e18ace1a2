/** What a name server says, and its bytes: within what the client can take, else marked as cut short. */
import type { DnsQuery } from "./query.ts";
import {
  CLASS_IN,
  encodeName,
  FLAG_AUTHORITATIVE,
  FLAG_RECURSION_AVAILABLE,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  HEADER_BYTES,
  TYPE_OPT,
  TYPE_SOA,
} from "./wire.ts";

export interface DnsRecord {
  /** Whose it is; undefined: the name that is asked for. */
  readonly owner?: Uint8Array;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly data: Uint8Array;
}

export interface DnsAnswer {
  readonly code: number;
  readonly isAuthoritative: boolean;
  readonly records: readonly DnsRecord[];
  /** Of a name or type that there is not, for how long that holds: RFC 2308 section 3. */
  readonly authority: DnsRecord | undefined;
  /** What the client will ask for next, where there is room. */
  readonly additional: readonly DnsRecord[];
}

/** For answers that have nothing to give. */
export function emptyAnswer(code: number, isAuthoritative = false): DnsAnswer {
  return { code, isAuthoritative, records: [], authority: undefined, additional: [] };
}

/** What a client may send over UDP, as flag day 2020 has it: no fragments on common paths. */
const OWN_UDP_BYTES_MAX = 1232;
const OPT_BYTES = 11;
/** A pointer to the question's name, RFC 1035 section 4.1.4. */
const QUESTION_POINTER = Uint8Array.of(0xc0, HEADER_BYTES);

/** An SOA record that only says how long "there is no such name" holds, in seconds. */
export function soaRecord(zone: string, ttlSeconds: number): DnsRecord | undefined {
  const owner = encodeName(zone);
  const server = encodeName(`ns.${zone}`);
  const mail = encodeName(`hostmaster.${zone}`);
  if (owner === undefined || server === undefined || mail === undefined) return undefined;
  const data = new Uint8Array(server.length + mail.length + 20);
  data.set(server, 0);
  data.set(mail, server.length);
  const view = new DataView(data.buffer, server.length + mail.length);
  // Serial, refresh, retry and expire are for secondary servers, which there are none of.
  for (const [index, value] of [1, 3600, 600, 86_400, ttlSeconds].entries()) {
    view.setUint32(index * 4, value);
  }
  return { owner, type: TYPE_SOA, ttlSeconds, data };
}

export function srvData(target: Uint8Array, port: number, priority = 0, weight = 1): Uint8Array {
  const data = new Uint8Array(6 + target.length);
  const view = new DataView(data.buffer);
  view.setUint16(0, priority);
  view.setUint16(2, weight);
  view.setUint16(4, port);
  data.set(target, 6);
  return data;
}

/** `request` is what `query` was read from: its question is repeated byte by byte. */
export function writeAnswer(
  request: Uint8Array,
  query: DnsQuery,
  answer: DnsAnswer,
  bytesMax: number,
): Uint8Array {
  const writer = new AnswerWriter(bytesMax - (query.hasEdns ? OPT_BYTES : 0));
  writer.copy(request, HEADER_BYTES, query.questionEnd);
  const counts = [query.questionEnd > HEADER_BYTES ? 1 : 0, 0, 0, 0];
  let isCut = false;
  for (const record of answer.records) {
    isCut = !writer.tryRecord(record);
    if (isCut) break;
    counts[1]!++;
  }
  if (!isCut && answer.authority !== undefined && writer.tryRecord(answer.authority)) counts[2]!++;
  for (const record of isCut ? [] : answer.additional) {
    if (!writer.tryRecord(record)) break;
    counts[3]!++;
  }
  if (query.hasEdns) {
    writer.writeOpt(answer.code >> 4);
    counts[3]!++;
  }
  return writer.finish(flagsOf(query, answer, isCut), query.id, counts);
}

function flagsOf(query: DnsQuery, answer: DnsAnswer, isCut: boolean): number {
  return (
    FLAG_RESPONSE |
    FLAG_RECURSION_AVAILABLE |
    (query.wantsRecursion ? FLAG_RECURSION_DESIRED : 0) |
    (answer.isAuthoritative ? FLAG_AUTHORITATIVE : 0) |
    (isCut ? FLAG_TRUNCATED : 0) |
    (answer.code & 0xf)
  );
}

/** The answer that tells a client to ask by TCP: RFC 7766 section 5. */
export function cutAnswer(request: Uint8Array, query: DnsQuery, code: number): Uint8Array {
  const bytes = writeAnswer(request, query, emptyAnswer(code), 65_535);
  bytes[2]! |= FLAG_TRUNCATED >> 8;
  return bytes;
}

class AnswerWriter {
  readonly #bytesMax: number;
  #bytes = Buffer.allocUnsafe(OWN_UDP_BYTES_MAX);
  #size = HEADER_BYTES;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#bytes.set(source.subarray(start, end), this.#size);
    this.#size += end - start;
  }

  /** False, and nothing written, when there is no room. */
  tryRecord({ owner = QUESTION_POINTER, type, ttlSeconds, data }: DnsRecord): boolean {
    const size = owner.length + 10 + data.length;
    if (this.#size + size > this.#bytesMax) return false;
    this.copy(owner, 0, owner.length);
    this.#reserve(10);
    let at = this.#bytes.writeUInt16BE(type, this.#size);
    at = this.#bytes.writeUInt16BE(CLASS_IN, at);
    at = this.#bytes.writeUInt32BE(ttlSeconds, at);
    this.#size = this.#bytes.writeUInt16BE(data.length, at);
    this.copy(data, 0, data.length);
    return true;
  }

  /** RFC 6891 section 6.1.2: the root's, our size in the place of the class, the code's high bits in that of the TTL. */
  writeOpt(extendedCode: number): void {
    this.#reserve(OPT_BYTES);
    let at = this.#bytes.writeUInt8(0, this.#size);
    at = this.#bytes.writeUInt16BE(TYPE_OPT, at);
    at = this.#bytes.writeUInt16BE(OWN_UDP_BYTES_MAX, at);
    at = this.#bytes.writeUInt32BE((extendedCode << 24) >>> 0, at);
    this.#size = this.#bytes.writeUInt16BE(0, at);
  }

  finish(flags: number, id: number, counts: readonly number[]): Uint8Array {
    let at = this.#bytes.writeUInt16BE(id, 0);
    at = this.#bytes.writeUInt16BE(flags, at);
    for (const count of counts) at = this.#bytes.writeUInt16BE(count, at);
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#size + size, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#size);
    this.#bytes = grown;
  }
}
