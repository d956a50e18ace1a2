/**
 * Decodes header blocks (RFC 7541 section 3) of one connection into field sections. All bytes go
 * through one scratch buffer, in which each field is laid out as its HTTP/1.1 line: a field that
 * comes by index is copied there from its table entry, and the whole becomes one string at the end.
 * A section that is too large or malformed is decoded to its end without being kept, so that the
 * dynamic table stays in step (RFC 9113 section 10.5.1).
 */

import { assert } from "../../core/assert.ts";
import { latin1 } from "../../core/bytes.ts";
import {
  FIELD_BLOCK_BYTES_MAX,
  HEAD_SIZE_BYTES_MAX,
  HEADER_COUNT_MAX,
  HPACK_LIST_BYTES_MAX,
  HPACK_SIZE_UPDATES_MAX,
} from "../../core/limits.ts";
import { LAST_FLAGGED_ID } from "../../http/header-name.ts";
import { DynamicTable, ENTRY_OVERHEAD_BYTES, HPACK_TABLE_BYTES_DEFAULT } from "./dynamic-table.ts";
import { FIELD_BYTE, isPadded, VALUE_BAD } from "./field-bytes.ts";
import { faultOf, idOf, nameMeta, pseudoOf, withFault } from "./field-meta.ts";
import { metaOfName } from "./field-name.ts";
import { type FieldSection, PSEUDO } from "./field-section.ts";
import { HPACK_ERROR, HPACK_MALFORMED, HPACK_OK, HPACK_TOO_LARGE } from "./hpack-error.ts";
import { copyWords, DECODER_TABLE_BYTES_MAX, type HpackScratch } from "./hpack-scratch.ts";
import { decodeHuffman, HUFFMAN_INVALID } from "./huffman.ts";
import { decodeInteger, INTEGER_TRUNCATED, integerSize, integerValue } from "./integer.ts";
import {
  STATIC_COUNT,
  STATIC_LINES,
  STATIC_META,
  STATIC_NAME_LENGTHS,
  STATIC_OFFSETS,
  STATIC_TEXTS,
  STATIC_VALUE_LENGTHS,
} from "./static-table.ts";

const COLON = 0x3a;
const SPACE = 0x20;
const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;

/** Pseudo fields of the block under way whose text is cut from the section's own at its end: start and end by number. */
const slices = new Int32Array(2 * (PSEUDO.protocol + 1));

export interface HpackDecoderOptions {
  readonly scratch: HpackScratch;
  /** Our SETTINGS_MAX_HEADER_LIST_SIZE, at most HEAD_SIZE_BYTES_MAX. */
  readonly listSizeBytesMax: number;
}

export class HpackDecoder {
  readonly #scratch: HpackScratch;
  readonly #listSizeBytesMax: number;
  readonly #table = new DynamicTable(HPACK_TABLE_BYTES_DEFAULT);
  /** The acknowledged setting: updates may not go above it. */
  #tableSizeMax = HPACK_TABLE_BYTES_DEFAULT;
  /** The lowest setting acknowledged since the last block, which an update must confirm; -1 when none is due. */
  #sizeDue = -1;

  // State of the block under way.
  #section: FieldSection | undefined;
  #at = 0;
  #out = 0;
  /** HPACK_OK as long as fields are kept. */
  #verdict: number = HPACK_OK;
  #isRegularSeen = false;
  /** Classes of the bytes of the last string or-ed. */
  #classes = 0;
  /** Of `slices`, a bit each: those of this block. */
  #sliced = 0;

  constructor(options: HpackDecoderOptions) {
    this.#scratch = options.scratch;
    this.#listSizeBytesMax = Math.min(options.listSizeBytesMax, HEAD_SIZE_BYTES_MAX);
  }

  /** Bytes of the dynamic table as RFC 7541 counts. */
  get tableSize(): number {
    return this.#table.size;
  }

  /**
   * The peer has acknowledged our SETTINGS with this SETTINGS_HEADER_TABLE_SIZE, at most
   * DECODER_TABLE_BYTES_MAX. Until the first time, the protocol's default holds.
   */
  acknowledgeTableSize(bytes: number): void {
    assert(bytes <= DECODER_TABLE_BYTES_MAX, "the HPACK table is no larger than scratch allows");
    this.#tableSizeMax = bytes;
    // RFC 7541 section 4.2: a lowered size is confirmed at the start of the next block.
    if (bytes < this.#table.sizeMax && (this.#sizeDue < 0 || bytes < this.#sizeDue)) {
      this.#sizeDue = bytes;
    }
  }

  /**
   * Decodes a complete header block, at most FIELD_BLOCK_BYTES_MAX long, into `section`. Returns HPACK_OK,
   * HPACK_TOO_LARGE or a number from HPACK_MALFORMED (the stream is refused, the connection goes on),
   * or from HPACK_ERROR (the connection must end). Unless HPACK_OK, nothing in
   * the section may be used but `listSizeBytes`.
   */
  decode(bytes: Uint8Array, start: number, end: number, section: FieldSection): number {
    section.clear();
    if (end - start > FIELD_BLOCK_BYTES_MAX) return HPACK_ERROR.blockTooLong;
    this.#section = section;
    this.#at = start;
    this.#out = 0;
    this.#verdict = HPACK_OK;
    this.#isRegularSeen = false;
    this.#sliced = 0;
    let error = this.#readSizeUpdates(bytes, end);
    while (error === HPACK_OK && this.#verdict >= HPACK_OK && this.#at < end) {
      error = this.#readField(bytes, end);
    }
    if (error === HPACK_OK && this.#verdict === HPACK_OK) this.#finish(section);
    this.#section = undefined;
    return error === HPACK_OK ? this.#verdict : error;
  }

  #readSizeUpdates(bytes: Uint8Array, end: number): number {
    let count = 0;
    let least = this.#sizeDue < 0 ? 0 : Number.POSITIVE_INFINITY;
    while (this.#at < end && (bytes[this.#at]! & 0xe0) === 0x20) {
      if (count === HPACK_SIZE_UPDATES_MAX) return HPACK_ERROR.tableSizeMisplaced;
      const size = this.#readInteger(bytes, end, 0x1f);
      if (size < 0) return size;
      // RFC 7541 section 6.3.
      if (size > this.#tableSizeMax) return HPACK_ERROR.tableSizeTooLarge;
      this.#table.resize(size);
      least = Math.min(least, size);
      count += 1;
    }
    if (this.#sizeDue >= 0 && least > this.#sizeDue) return HPACK_ERROR.tableSizeMissing;
    this.#sizeDue = -1;
    return HPACK_OK;
  }

  #readField(bytes: Uint8Array, end: number): number {
    const first = bytes[this.#at]!;
    if (first >= 0x80) {
      const index = this.#readInteger(bytes, end, 0x7f);
      if (index < 0) return index;
      if (index === 0) return HPACK_ERROR.indexInvalid;
      return index <= STATIC_COUNT ? this.#takeStatic(index) : this.#takeDynamic(index);
    }
    if (first >= 0x40) return this.#readLiteral(bytes, end, 0x3f, true, false);
    // RFC 7541 section 4.2: updates stand at the start of a block only.
    if (first >= 0x20) return HPACK_ERROR.tableSizeMisplaced;
    return this.#readLiteral(bytes, end, 0x0f, false, first >= 0x10);
  }

  #takeStatic(index: number): number {
    const meta = STATIC_META[index]!;
    const nameLength = STATIC_NAME_LENGTHS[index]!;
    const valueLength = STATIC_VALUE_LENGTHS[index]!;
    if (!this.#admit(nameLength + valueLength, meta)) return HPACK_OK;
    const pseudo = pseudoOf(meta);
    if (pseudo !== 0) {
      this.#setPseudo(pseudo, STATIC_TEXTS[index]!);
      return HPACK_OK;
    }
    const length = nameLength + valueLength + 4;
    copyWords(STATIC_LINES, STATIC_OFFSETS[index]!, this.#scratch.view, this.#out, length);
    this.#pushLine(meta, nameLength, valueLength);
    return HPACK_OK;
  }

  #takeDynamic(index: number): number {
    const table = this.#table;
    const slot = table.slotOf(index - STATIC_COUNT - 1);
    if (slot < 0) return HPACK_ERROR.indexInvalid;
    const meta = table.meta(slot);
    const nameLength = table.nameLength(slot);
    const valueLength = table.valueLength(slot);
    if (!this.#admit(nameLength + valueLength, meta)) return HPACK_OK;
    const pseudo = pseudoOf(meta);
    if (pseudo !== 0) {
      this.#setPseudo(pseudo, table.text(slot));
      return HPACK_OK;
    }
    const length = nameLength + valueLength + 4;
    copyWords(table.view, table.offset(slot), this.#scratch.view, this.#out, length);
    this.#pushLine(meta, nameLength, valueLength);
    return HPACK_OK;
  }

  /** RFC 7541 section 6.2. */
  #readLiteral(
    bytes: Uint8Array,
    end: number,
    mask: number,
    isIndexed: boolean,
    isNeverIndexed: boolean,
  ): number {
    const scratch = this.#scratch.bytes;
    // What is not kept is overwritten by the next field.
    const lineStart = this.#verdict === HPACK_OK ? this.#out : 0;
    const index = this.#readInteger(bytes, end, mask);
    if (index < 0) return index;
    let meta = 0;
    let nameLength = 0;
    if (index === 0) {
      const nameEnd = this.#readString(bytes, end, lineStart);
      if (nameEnd < 0) return nameEnd;
      nameLength = nameEnd - lineStart;
      meta = metaOfName(scratch, lineStart, nameEnd, this.#classes);
      scratch[nameEnd] = COLON;
      scratch[nameEnd + 1] = SPACE;
    } else if (index <= STATIC_COUNT) {
      meta = STATIC_META[index]!;
      nameLength = STATIC_NAME_LENGTHS[index]!;
      const offset = STATIC_OFFSETS[index]!;
      copyWords(STATIC_LINES, offset, this.#scratch.view, lineStart, nameLength + 2);
    } else {
      const slot = this.#table.slotOf(index - STATIC_COUNT - 1);
      if (slot < 0) return HPACK_ERROR.indexInvalid;
      meta = nameMeta(this.#table.meta(slot));
      nameLength = this.#table.nameLength(slot);
      if (pseudoOf(meta) === 0) {
        const { view } = this.#table;
        copyWords(view, this.#table.offset(slot), this.#scratch.view, lineStart, nameLength + 2);
      }
    }
    const pseudo = pseudoOf(meta);
    const valueStart = pseudo === 0 ? lineStart + nameLength + 2 : lineStart;
    const valueEnd = this.#readString(bytes, end, valueStart);
    if (valueEnd < 0) return valueEnd;
    meta = checkedMeta(meta, scratch, valueStart, valueEnd, this.#classes);
    scratch[valueEnd] = CR;
    scratch[valueEnd + 1] = LF;
    this.#takeLiteral(meta, nameLength, valueStart, valueEnd, isIndexed);
    if (isNeverIndexed && pseudo === 0 && this.#verdict === HPACK_OK) {
      this.#section!.headers.markNeverIndexed();
    }
    return HPACK_OK;
  }

  /** A literal whose line (or value, of pseudo fields) is in the scratch buffer. */
  #takeLiteral(
    meta: number,
    nameLength: number,
    valueStart: number,
    valueEnd: number,
    isIndexed: boolean,
  ): void {
    const { bytes, view } = this.#scratch;
    const pseudo = pseudoOf(meta);
    const valueLength = valueEnd - valueStart;
    let text = "";
    if (isIndexed) {
      // Values of pseudo entries are kept as strings: the next request shares them and their hashes.
      const isStored = valueLength + nameLength + ENTRY_OVERHEAD_BYTES <= this.#table.sizeMax;
      if (pseudo !== 0 && isStored) text = latin1(bytes, valueStart, valueEnd);
      const lineStart = valueStart - nameLength - 2;
      const storedBytes = pseudo === 0 ? nameLength + valueLength + 4 : 0;
      this.#table.insert(nameLength, valueLength, meta, 0, view, lineStart, storedBytes, text);
    }
    if (!this.#admit(nameLength + valueLength, meta)) return;
    if (pseudo === 0) {
      this.#pushLine(meta, nameLength, valueLength);
    } else if (text !== "" || pseudo === PSEUDO.status) {
      this.#setPseudo(pseudo, text === "" ? latin1(bytes, valueStart, valueEnd) : text);
    } else if (this.#isFirst(pseudo)) {
      slices[2 * pseudo] = valueStart;
      slices[2 * pseudo + 1] = valueEnd;
      this.#sliced |= 1 << pseudo;
      this.#out = valueEnd;
    }
  }

  /** Counts a field. False when nothing is to be done with it, since the section is refused. */
  #admit(length: number, meta: number): boolean {
    const section = this.#section!;
    section.listSizeBytes += length + ENTRY_OVERHEAD_BYTES;
    if (section.listSizeBytes > HPACK_LIST_BYTES_MAX) {
      this.#verdict = HPACK_ERROR.listAbusive;
    } else if (
      section.listSizeBytes > this.#listSizeBytesMax ||
      section.headers.count >= HEADER_COUNT_MAX
    ) {
      // Told before what is malformed in it: it was not looked at to the end.
      this.#verdict = HPACK_TOO_LARGE;
    } else if (this.#verdict === HPACK_OK) {
      this.#verdict = faultOf(meta);
    }
    return this.#verdict === HPACK_OK;
  }

  #pushLine(meta: number, nameLength: number, valueLength: number): void {
    const nameStart = this.#out;
    const nameEnd = nameStart + nameLength;
    const valueEnd = nameEnd + 2 + valueLength;
    const id = idOf(meta);
    const section = this.#section!;
    section.headers.push(id, nameStart, nameEnd, nameEnd + 2, valueEnd);
    if (id <= LAST_FLAGGED_ID) section.flaggedIds |= 1 << id;
    this.#out = valueEnd + 2;
    this.#isRegularSeen = true;
  }

  #setPseudo(pseudo: number, value: string): void {
    if (!this.#isFirst(pseudo)) return;
    if (pseudo !== PSEUDO.status) {
      this.#section!.setPseudo(pseudo, value);
      return;
    }
    const status = statusOf(value);
    if (status < 0) this.#verdict = HPACK_MALFORMED.statusInvalid;
    else this.#section!.status = status;
  }

  /** RFC 9113 section 8.3: before all regular fields and once. */
  #isFirst(pseudo: number): boolean {
    const section = this.#section!;
    const bit = 1 << pseudo;
    if (this.#isRegularSeen) this.#verdict = HPACK_MALFORMED.pseudoFieldLate;
    else if ((section.present & bit) !== 0) this.#verdict = HPACK_MALFORMED.pseudoFieldRepeated;
    section.present |= bit;
    return this.#verdict === HPACK_OK;
  }

  #finish(section: FieldSection): void {
    if (this.#out === 0) return;
    const text = latin1(this.#scratch.bytes, 0, this.#out);
    section.headers.text = text;
    if (this.#sliced === 0) return;
    for (let pseudo = PSEUDO.method; pseudo <= PSEUDO.protocol; pseudo++) {
      if ((this.#sliced & (1 << pseudo)) === 0) continue;
      section.setPseudo(pseudo, text.slice(slices[2 * pseudo]!, slices[2 * pseudo + 1]!));
    }
  }

  #readInteger(bytes: Uint8Array, end: number, mask: number): number {
    const prefix = bytes[this.#at]! & mask;
    if (prefix < mask) {
      this.#at += 1;
      return prefix;
    }
    const packed = decodeInteger(bytes, this.#at, end, mask);
    if (packed < 0) {
      return packed === INTEGER_TRUNCATED ? HPACK_ERROR.truncated : HPACK_ERROR.integerTooLarge;
    }
    this.#at += integerSize(packed);
    return integerValue(packed);
  }

  /** A string (RFC 7541 section 5.2) into the scratch buffer. Returns the offset behind it, or an error. */
  #readString(bytes: Uint8Array, end: number, outAt: number): number {
    if (this.#at >= end) return HPACK_ERROR.truncated;
    const isHuffman = bytes[this.#at]! >= 0x80;
    const length = this.#readInteger(bytes, end, 0x7f);
    if (length < 0) return length;
    const start = this.#at;
    if (length > end - start) return HPACK_ERROR.truncated;
    this.#at = start + length;
    const out = this.#scratch.bytes;
    if (isHuffman) {
      const packed = decodeHuffman(bytes, start, start + length, out, outAt);
      if (packed === HUFFMAN_INVALID) return HPACK_ERROR.huffmanInvalid;
      this.#classes = packed & 3;
      return packed >>> 2;
    }
    let classes = 0;
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i]!;
      classes |= FIELD_BYTE[byte]!;
      out[outAt + i] = byte;
    }
    this.#classes = classes;
    return outAt + length;
  }
}

/** What is known of a field once its value is read. */
function checkedMeta(
  meta: number,
  bytes: Uint8Array,
  valueStart: number,
  valueEnd: number,
  classes: number,
): number {
  if ((classes & VALUE_BAD) !== 0) return withFault(meta, HPACK_MALFORMED.fieldValueInvalid);
  if (isPadded(bytes, valueStart, valueEnd)) {
    return withFault(meta, HPACK_MALFORMED.fieldValuePadded);
  }
  return meta;
}

/** RFC 9110 section 15: three digits, the first of which is a class. -1 for other text. */
function statusOf(value: string): number {
  if (value.length !== 3) return -1;
  let status = 0;
  for (let i = 0; i < 3; i++) {
    const digit = value.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status >= 100 && status <= 999 ? status : -1;
}
