/**
 * Encodes field sections into header blocks (RFC 7541) for one connection. Fields are taken as
 * offsets into the text that they arrived in: the text goes into the scratch buffer in one piece,
 * and there each field is hashed, found in the table or written out, without a string of its own.
 *
 *   begin → pseudo fields → addLines / setText, addSpan… / addField / contentLength → end
 */
import { assert } from "../../core/assert.ts";
import { HPACK_TABLE_BYTES_MAX } from "../../core/limits.ts";
import type { HeaderField } from "../../http/header-field.ts";
import { HEADER, HEADER_HASH_SEED, HEADER_UNKNOWN, hashStep } from "../../http/header-name.ts";
import { AddedFields } from "./added-fields.ts";
import { DynamicTable, ENTRY_OVERHEAD_BYTES, HPACK_TABLE_BYTES_DEFAULT } from "./dynamic-table.ts";
import { EntryIndex } from "./entry-index.ts";
import { packMeta } from "./field-meta.ts";
import { PSEUDO } from "./field-section.ts";
import { areWordsEqual, type HpackScratch, hashWords } from "./hpack-scratch.ts";
import { encodeHuffman, HUFFMAN_TOO_LONG, huffmanSize } from "./huffman.ts";
import {
  COOKIE_GUESSABLE_BYTES_MAX,
  INDEX_COOKIE,
  INDEX_FIRST,
  INDEX_NAME,
  INDEX_NEVER,
  INDEX_REPEATED,
  NAME_RULES,
  ruleNumberOf,
} from "./indexing-policy.ts";
import { encodeInteger } from "./integer.ts";
import { STATIC_COUNT, STATIC_FIELDS } from "./static-table.ts";

/** Twice as many as a table of HPACK_TABLE_BYTES_MAX has entries. */
const ENTRY_SLOTS = 256;
const NAME_SLOTS = 64;
/** Fields whose repetition is noticed: some messages' worth. */
const SEEN_SLOTS = 128;
/** Of connections that have sent nothing of the kind yet: to be read only. */
const NOTHING_SEEN = new Int32Array(SEEN_SLOTS);

/** Strings whose length takes one byte, coded or not. */
const SHORT_STRING_BYTES_MAX = 126;

const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const CR = 0x0d;

/** First index in the static table by number from `PSEUDO`. */
const PSEUDO_INDEXES = [0, 2, 6, 1, 4, 8, 0];
const PSEUDO_NAMES = ["", ":method", ":scheme", ":authority", ":path", ":status", ":protocol"];
const PSEUDO_HASHES = PSEUDO_NAMES.map((_, kind) => Math.imul(kind, 0x85ebca6b));

/** The static index of each status that has one. */
const STATUS_INDEXES: Readonly<Record<number, number>> = Object.fromEntries(
  STATIC_FIELDS.flatMap(([name, value], i) => (name === ":status" ? [[value, i + 1]] : [])),
);

/** Bytes that a block takes at most, for text of names and values together and a count of fields, pseudo fields included. */
export function encodedBytesMax(textBytes: number, fieldCount: number): number {
  // Each integer has at most 4 bytes; a field has three of them. Two size updates come before.
  return textBytes + 12 * fieldCount + 8;
}

export interface HpackEncoderOptions {
  readonly scratch: HpackScratch;
  /**
   * Whether strings are Huffman coded where that is shorter. It saves a quarter of their bytes and
   * costs both sides some 2 ns a character: worth it across networks, not between two sidecars.
   */
  readonly usesHuffman: boolean;
}

export class HpackEncoder {
  readonly #scratch: HpackScratch;
  readonly #usesHuffman: boolean;
  readonly #table = new DynamicTable(HPACK_TABLE_BYTES_DEFAULT);
  readonly #entries = new EntryIndex(ENTRY_SLOTS);
  readonly #names = new EntryIndex(NAME_SLOTS);
  /** Hashes of fields and names seen lately. */
  #seen = NOTHING_SEEN;
  /** The smallest and the last size that the peer must hear of; -1 when none. */
  #leastSize = -1;
  #nextSize = -1;
  #authority = "";
  #authorityNumber = 0;
  readonly #added = new AddedFields();
  #out: Uint8Array;
  #at = 0;

  constructor(options: HpackEncoderOptions) {
    this.#scratch = options.scratch;
    this.#usesHuffman = options.usesHuffman;
    this.#out = options.scratch.bytes;
  }

  /** Bytes of the dynamic table as RFC 7541 counts. */
  get tableSize(): number {
    return this.#table.size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. We use no more than our own bound. */
  setPeerTableSize(bytes: number): void {
    const size = Math.min(bytes, HPACK_TABLE_BYTES_MAX);
    if (size === (this.#nextSize < 0 ? this.#table.sizeMax : this.#nextSize)) return;
    this.#leastSize = this.#leastSize < 0 ? size : Math.min(this.#leastSize, size);
    this.#nextSize = size;
  }

  /**
   * Starts a block at `at` in `out`, which has room for `encodedBytesMax`. Every block that is begun
   * must be sent, in this order: the peer's table follows it. Until `end`, nothing else may use the
   * scratch buffer.
   */
  begin(out: Uint8Array, at: number): void {
    this.#out = out;
    this.#at = at;
    if (this.#nextSize < 0) return;
    // RFC 7541 section 4.2: the smallest size in between, then the final one.
    if (this.#leastSize < this.#nextSize) this.#updateSize(this.#leastSize);
    this.#updateSize(this.#nextSize);
    this.#leastSize = -1;
    this.#nextSize = -1;
  }

  /** The offset behind the block. */
  end(): number {
    return this.#at;
  }

  method(method: string): void {
    if (method === "GET") this.#emitIndex(2);
    else if (method === "POST") this.#emitIndex(3);
    else this.#addPseudo(PSEUDO.method, method, INDEX_FIRST);
  }

  scheme(scheme: string): void {
    if (scheme === "http") this.#emitIndex(6);
    else if (scheme === "https") this.#emitIndex(7);
    else this.#addPseudo(PSEUDO.scheme, scheme, INDEX_FIRST);
  }

  authority(authority: string): void {
    if (authority === this.#authority && this.#emitEntry(this.#authorityNumber)) return;
    const number = this.#addPseudo(PSEUDO.authority, authority, INDEX_FIRST);
    // An entry's number, or 0 when there is none: then it is only as if it were long gone.
    this.#authority = number === 0 ? "" : authority;
    this.#authorityNumber = number;
  }

  path(path: string): void {
    if (path === "/") this.#emitIndex(4);
    // Queries seldom repeat and may hold secrets; paths of RPCs are few, others name one thing each.
    else this.#addPseudo(PSEUDO.path, path, path.includes("?") ? INDEX_NAME : INDEX_REPEATED);
  }

  protocol(protocol: string): void {
    this.#addPseudo(PSEUDO.protocol, protocol, INDEX_FIRST);
  }

  status(status: number): void {
    const index = STATUS_INDEXES[status];
    if (index !== undefined) this.#emitIndex(index);
    else this.#addPseudo(PSEUDO.status, String(status), INDEX_FIRST);
  }

  /** The Latin-1 text that the offsets of `addSpan` index from here on. */
  setText(text: string): void {
    this.#write(text, 0);
  }

  /**
   * A regular field by its offsets in the text, with its number from `HEADER`. Upper case in the name is sent as lower
   * case. Returns the insertion number of its entry, 0 when there is none.
   */
  addSpan(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    isNeverIndexed: boolean,
  ): number {
    const { bytes } = this.#scratch;
    let rule = id;
    let nameHash = 0;
    if (id === HEADER_UNKNOWN) {
      nameHash = HEADER_HASH_SEED;
      for (let i = nameStart; i < nameEnd; i++) {
        const byte = lowerCase(bytes[i]!);
        bytes[i] = byte;
        nameHash = hashStep(nameHash, byte);
      }
      rule = ruleNumberOf(bytes, nameStart, nameEnd, nameHash);
    } else {
      nameHash = NAME_RULES[id]!.hash;
    }
    const policy = isNeverIndexed ? INDEX_NEVER : policyFor(rule, valueEnd - valueStart);
    return this.#add(rule, nameHash, nameStart, nameEnd, valueStart, valueEnd, policy);
  }

  /** A field that the proxy adds. Overwrites the text. */
  addField(field: HeaderField): void {
    if (this.#emitEntry(this.#added.numberOf(field))) return;
    const number = this.#encodeField(field);
    if (number !== 0) this.#added.put(field, number);
  }

  /** Returns the insertion number of its entry, 0 when there is none. */
  #encodeField(field: HeaderField): number {
    const { lower, id } = field.name;
    const { bytes } = this.#scratch;
    const nameEnd = lower.length;
    this.#write(lower, 0);
    let valueStart = nameEnd;
    let valueEnd = nameEnd + this.#write(field.value, nameEnd);
    // RFC 9113 section 8.2.1: HTTP/1.1 lets configuration pad a value, HTTP/2 does not.
    while (valueStart < valueEnd && isWhiteSpace(bytes[valueStart]!)) valueStart += 1;
    while (valueStart < valueEnd && isWhiteSpace(bytes[valueEnd - 1]!)) valueEnd -= 1;
    return this.addSpan(id, 0, nameEnd, valueStart, valueEnd, field.isNeverIndexed);
  }

  /** Content-Length. Overwrites the text. */
  contentLength(bytes: number): void {
    // The name stands in the static table and need not be written out.
    const valueEnd = this.#write(String(bytes), 0);
    this.addSpan(HEADER["content-length"], 0, 0, 0, valueEnd, false);
  }

  /** Fields as HTTP/1.1 lines, each ended by CRLF. Overwrites the text. */
  addLines(lines: string): void {
    const { bytes } = this.#scratch;
    const end = this.#write(lines, 0);
    let at = 0;
    while (at < end) {
      const nameStart = at;
      while (at < end && bytes[at] !== COLON) at += 1;
      const nameEnd = at;
      at += 1;
      while (at < end && isWhiteSpace(bytes[at]!)) at += 1;
      const valueStart = at;
      while (at < end && bytes[at] !== CR) at += 1;
      this.addSpan(HEADER_UNKNOWN, nameStart, nameEnd, valueStart, at, false);
      at += 2;
    }
  }

  /** Returns the insertion number of the entry, 0 when there is none. */
  #addPseudo(kind: number, value: string, policy: number): number {
    // A name in the scratch buffer is needed only for :protocol, which the static table lacks.
    const name = PSEUDO_INDEXES[kind] === 0 ? PSEUDO_NAMES[kind]! : "";
    const nameEnd = this.#write(name, 0);
    const valueEnd = nameEnd + this.#write(value, nameEnd);
    const meta = packMeta(0, kind, 0);
    return this.#add(meta, PSEUDO_HASHES[kind]!, 0, nameEnd, nameEnd, valueEnd, policy);
  }

  /** Writes one field. `meta` is a rule number, or a packed number from `PSEUDO`. Returns the insertion number of its entry. */
  #add(
    meta: number,
    nameHash: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    policy: number,
  ): number {
    const table = this.#table;
    const valueLength = valueEnd - valueStart;
    let hash = 0;
    let isIndexed = false;
    if (policy <= INDEX_REPEATED) {
      hash = hashWords(this.#scratch.view, valueStart, valueLength, nameHash);
      let number = this.#entries.first(hash);
      if (!this.#isEntry(number, meta, hash, nameStart, nameEnd, valueStart, valueLength)) {
        number = this.#entries.second(hash);
        if (!this.#isEntry(number, meta, hash, nameStart, nameEnd, valueStart, valueLength)) {
          number = 0;
        }
      }
      if (number !== 0) {
        this.#emitIndex(STATIC_COUNT + 1 + table.indexOf(number));
        return number;
      }
      isIndexed = policy === INDEX_FIRST || this.#hasSeen(hash);
    }
    const nameIndex = this.#nameIndex(meta, nameHash, nameStart, nameEnd);
    if (nameIndex === 0 && !isIndexed && policy !== INDEX_NEVER) {
      // Indexed once for its name, to which later messages refer.
      isIndexed = policy === INDEX_NAME || this.#hasSeen(nameHash);
    }
    const nameLength = meta > 0xff ? PSEUDO_NAMES[meta >>> 8]!.length : nameEnd - nameStart;
    // What takes more than half of the table pushes all out that is of use.
    const isFitting = nameLength + valueLength + ENTRY_OVERHEAD_BYTES <= table.sizeMax >>> 1;
    isIndexed &&= isFitting;
    if (isIndexed) this.#at = encodeInteger(this.#out, this.#at, 0x3f, 0x40, nameIndex);
    else if (policy === INDEX_NEVER) {
      this.#at = encodeInteger(this.#out, this.#at, 0x0f, 0x10, nameIndex);
    } else this.#at = encodeInteger(this.#out, this.#at, 0x0f, 0x00, nameIndex);
    if (nameIndex === 0) {
      toLowerCase(this.#scratch.bytes, nameStart, nameEnd);
      this.#emitString(nameStart, nameEnd);
    }
    this.#emitString(valueStart, valueEnd);
    if (!isIndexed) return 0;
    // Listed names are told by their number; of others the entry keeps the name, what stands behind it, and the value.
    const storedStart = meta === 0 ? nameStart : valueStart;
    const { view } = this.#scratch;
    const stored = valueEnd - storedStart;
    table.insert(nameLength, valueLength, meta, hash, view, storedStart, stored, "");
    this.#names.put(nameHash, table.insertCount);
    if (hash !== 0) this.#entries.put(hash, table.insertCount);
    return table.insertCount;
  }

  #isEntry(
    number: number,
    meta: number,
    hash: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueLength: number,
  ): boolean {
    const table = this.#table;
    const index = number === 0 ? table.count : table.indexOf(number);
    if (index >= table.count) return false;
    const slot = table.slotOf(index);
    if (table.hash(slot) !== hash || table.meta(slot) !== meta) return false;
    if (table.valueLength(slot) !== valueLength) return false;
    const { view } = this.#scratch;
    const valueAt = table.offset(slot) + table.storedBytes(slot) - valueLength;
    if (!areWordsEqual(table.view, valueAt, view, valueStart, valueLength)) return false;
    return meta !== 0 || this.#hasName(slot, nameStart, nameEnd);
  }

  /** Whether an entry whose name is not listed has this one. */
  #hasName(slot: number, nameStart: number, nameEnd: number): boolean {
    const table = this.#table;
    const length = nameEnd - nameStart;
    if (table.nameLength(slot) !== length) return false;
    return areWordsEqual(table.view, table.offset(slot), this.#scratch.view, nameStart, length);
  }

  /** An index whose entry has this name, or 0. */
  #nameIndex(meta: number, nameHash: number, nameStart: number, nameEnd: number): number {
    const fixed = meta > 0xff ? PSEUDO_INDEXES[meta >>> 8]! : NAME_RULES[meta]!.staticIndex;
    if (fixed !== 0) return fixed;
    const first = this.#nameIndexOf(this.#names.first(nameHash), meta, nameStart, nameEnd);
    if (first !== 0) return first;
    return this.#nameIndexOf(this.#names.second(nameHash), meta, nameStart, nameEnd);
  }

  #nameIndexOf(number: number, meta: number, nameStart: number, nameEnd: number): number {
    const table = this.#table;
    const index = number === 0 ? table.count : table.indexOf(number);
    if (index >= table.count) return 0;
    const slot = table.slotOf(index);
    if (table.meta(slot) !== meta) return 0;
    if (meta === 0 && !this.#hasName(slot, nameStart, nameEnd)) return 0;
    return STATIC_COUNT + 1 + index;
  }

  /** Whether this hash was here lately. It is from now on. */
  #hasSeen(hash: number): boolean {
    const slot = (hash ^ (hash >>> 16)) & (SEEN_SLOTS - 1);
    if (this.#seen[slot] === hash) return true;
    if (this.#seen === NOTHING_SEEN) this.#seen = new Int32Array(SEEN_SLOTS);
    this.#seen[slot] = hash;
    return false;
  }

  #updateSize(size: number): void {
    this.#table.resize(size);
    this.#at = encodeInteger(this.#out, this.#at, 0x1f, 0x20, size);
  }

  /** Returns false when the entry with this insertion number is gone. */
  #emitEntry(number: number): boolean {
    const index = this.#table.indexOf(number);
    if (index >= this.#table.count) return false;
    this.#emitIndex(STATIC_COUNT + 1 + index);
    return true;
  }

  #emitIndex(index: number): void {
    this.#at = encodeInteger(this.#out, this.#at, 0x7f, 0x80, index);
  }

  /** RFC 7541 section 5.2: with Huffman coding where that is shorter. */
  #emitString(start: number, end: number): void {
    const { bytes } = this.#scratch;
    const out = this.#out;
    const length = end - start;
    if (this.#usesHuffman) {
      const size = length <= SHORT_STRING_BYTES_MAX ? 0 : huffmanSize(bytes, start, end);
      if (size < length) {
        // Short strings are tried: their length takes one byte whatever it turns out to be.
        const from = size === 0 ? this.#at + 1 : encodeInteger(out, this.#at, 0x7f, 0x80, size);
        const limit = size === 0 ? from + length - 1 : from + size;
        const behind = encodeHuffman(bytes, start, end, out, from, limit);
        if (behind !== HUFFMAN_TOO_LONG) {
          if (size === 0) out[this.#at] = 0x80 | (behind - from);
          this.#at = behind;
          return;
        }
      }
    }
    const at = encodeInteger(out, this.#at, 0x7f, 0x00, length);
    for (let i = 0; i < length; i++) out[at + i] = bytes[start + i]!;
    this.#at = at + length;
  }

  /** Latin-1 text into the scratch buffer. Returns its length. */
  #write(text: string, at: number): number {
    const { length } = text;
    const { bytes } = this.#scratch;
    assert(at + length + 8 <= bytes.length, "fields fit the HPACK scratch buffer");
    if (length > SHORT_TEXT_MAX) {
      bytes.write(text, at, length, "latin1");
    } else {
      for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    }
    return length;
  }
}

/** Shorter text is copied here: a call into Node costs more. */
const SHORT_TEXT_MAX = 32;

function policyFor(rule: number, valueLength: number): number {
  const { policy } = NAME_RULES[rule]!;
  if (policy !== INDEX_COOKIE) return policy;
  return valueLength < COOKIE_GUESSABLE_BYTES_MAX ? INDEX_NEVER : INDEX_NAME;
}

function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function toLowerCase(bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) bytes[i] = lowerCase(bytes[i]!);
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
