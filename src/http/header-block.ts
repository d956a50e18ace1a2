/**
 * The fields of one message, kept as the text they arrived in plus offsets: a proxy forwards nearly
 * every field untouched, so names and values become strings of their own only when somebody asks.
 * Name case and order survive. A block is reused for each message of its connection; nothing read
 * from it may be kept past the message, except strings.
 */
import { ADDED_FIELDS, ARRIVED_FIELDS, type FieldRoom, NUMBERS_PER_FIELD } from "./field-room.ts";
import type { HeaderField, HeaderName } from "./header-field.ts";
import { HEADER_UNKNOWN, idOfName, LAST_FLAGGED_ID } from "./header-name.ts";
import type { NameFamily } from "./name-family.ts";

const FIELD_KEPT = 0;
/** Kept, and no encoder may put it into a table (RFC 7541 section 6.2.3). Codecs of HTTP/2 write tidy lines. */
const FIELD_NEVER_INDEXED = 1;
/** Kept, but its line was not exactly `name: value`: it is written anew. */
const FIELD_UNTIDY = 2;
/** Not forwarded and not found. */
const FIELD_DROPPED = 3;

/** What is known of a field stands in six numbers in a row: four offsets into the text, its number, its state. */
const NAME_START = 0;
const NAME_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const ID = 4;
const STATE = 5;
const STRIDE = NUMBERS_PER_FIELD;

const NO_NUMBERS = new Int32Array(0);
/** An array of a block's own grows by itself. */
const UNBOUNDED = 0x3fff_ffff;

const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
const LOWER_OFFSET = 0x20;

/** Takes the fields of a block one by one: an encoder. */
export interface FieldWriter {
  /** The Latin-1 text that the offsets of `addSpan` index. */
  setText(text: string): void;
  /** An arrived field. Its name is as it came, upper case included. */
  addSpan(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    isNeverIndexed: boolean,
  ): void;
  /** A field that was added, after all spans. */
  addField(field: HeaderField): void;
}

export class HeaderBlock {
  /** Latin-1 text that the offsets index. */
  text = "";
  count = 0;
  /** A room's, as long as it has place: the numbers of this block begin at `#start`. */
  #fields: Int32Array;
  #start: number;
  #capacity: number;
  #hasEdits = false;
  /** A bit, `id % 32`, for each number among the arrived fields: most of those that are asked for are not there. */
  #idBits = 0;
  /** Fields added behind the arrived ones. Places behind them are not emptied: that costs more. */
  #addedCount = 0;
  #added: (HeaderField | undefined)[];
  #addedStart: number;
  #addedCapacity: number;

  /** `room`: for blocks that live long and carry message after message. */
  constructor(room?: FieldRoom) {
    this.#fields = room?.numbers ?? NO_NUMBERS;
    this.#start = room?.numbersAt ?? 0;
    this.#capacity = room === undefined ? 0 : ARRIVED_FIELDS;
    this.#added = room?.added ?? [];
    this.#addedStart = room?.addedAt ?? 0;
    this.#addedCapacity = room === undefined ? UNBOUNDED : ADDED_FIELDS;
  }

  clear(): void {
    this.text = "";
    this.count = 0;
    this.#hasEdits = false;
    this.#idBits = 0;
    this.#addedCount = 0;
  }

  /** For codecs: appends a field by its offsets. The caller has checked the bytes and the bound. */
  push(id: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    if (this.count === this.#capacity) this.#grow();
    const at = this.#at(this.count);
    const fields = this.#fields;
    fields[at + NAME_START] = nameStart;
    fields[at + NAME_END] = nameEnd;
    fields[at + VALUE_START] = valueStart;
    fields[at + VALUE_END] = valueEnd;
    fields[at + ID] = id;
    fields[at + STATE] = FIELD_KEPT;
    this.#idBits |= 1 << id;
    this.count += 1;
  }

  /** For codecs: the last pushed line carries white space that is not passed on. */
  markUntidy(): void {
    this.#fields[this.#at(this.count - 1) + STATE] = FIELD_UNTIDY;
    this.#hasEdits = true;
  }

  /** For codecs: the last pushed field came never indexed, in a line that is exactly `name: value`. */
  markNeverIndexed(): void {
    this.#fields[this.#at(this.count - 1) + STATE] = FIELD_NEVER_INDEXED;
  }

  /** RFC 7541 section 6.2.3: who passes the field on must use the never-indexed form too. */
  isNeverIndexed(index: number): boolean {
    return this.#state(index) === FIELD_NEVER_INDEXED;
  }

  /** Whether a line that is kept is exactly `name: value`. */
  isTidy(index: number): boolean {
    return this.#state(index) <= FIELD_NEVER_INDEXED;
  }

  /** The number of an arrived field's name, from `HEADER`, also when it was dropped. */
  idOf(index: number): number {
    return this.#fields[this.#at(index) + ID]!;
  }

  isKept(index: number): boolean {
    return this.#state(index) !== FIELD_DROPPED;
  }

  name(index: number): string {
    const at = this.#at(index);
    return this.text.slice(this.#fields[at + NAME_START]!, this.#fields[at + NAME_END]!);
  }

  value(index: number): string {
    const at = this.#at(index);
    return this.text.slice(this.#fields[at + VALUE_START]!, this.#fields[at + VALUE_END]!);
  }

  /** Where the line of an arrived field ends in `text`, its CRLF included. For tidy lines. */
  endOf(index: number): number {
    return this.#fields[this.#at(index) + VALUE_END]! + 2;
  }

  drop(index: number): void {
    this.#fields[this.#at(index) + STATE] = FIELD_DROPPED;
    this.#hasEdits = true;
  }

  /** The index of the first kept field with this number from `HEADER`, or -1. Arrived fields only. */
  indexOf(id: number): number {
    if (!this.#mayHave(id)) return -1;
    for (let i = 0; i < this.count; i++) {
      if (this.idOf(i) === id && this.#state(i) !== FIELD_DROPPED) return i;
    }
    return -1;
  }

  /** All values of a lower-case name joined by a comma (RFC 9110 section 5.3), or undefined. */
  get(lowerName: string): string | undefined {
    const id = idOfName(lowerName);
    let joined: string | undefined;
    for (let i = 0; i < this.count; i++) {
      if (!this.#isNamed(i, id, lowerName)) continue;
      const value = this.value(i);
      joined = joined === undefined ? value : `${joined},${value}`;
    }
    for (let i = 0; i < this.#addedCount; i++) {
      const { name, value } = this.#addedField(i);
      if (name.lower !== lowerName) continue;
      joined = joined === undefined ? value : `${joined},${value}`;
    }
    return joined;
  }

  /** The values of a lower-case name one by one, in order. */
  valuesOf(lowerName: string): readonly string[] {
    const found: string[] = [];
    const id = idOfName(lowerName);
    for (let i = 0; i < this.count; i++) {
      if (this.#isNamed(i, id, lowerName)) found.push(this.value(i));
    }
    for (let i = 0; i < this.#addedCount; i++) {
      const { name, value } = this.#addedField(i);
      if (name.lower === lowerName) found.push(value);
    }
    return found;
  }

  /** Whether the value of an arrived field is this text. Makes no string. */
  isValue(index: number, text: string): boolean {
    const start = this.#fields[this.#at(index) + VALUE_START]!;
    if (this.#fields[this.#at(index) + VALUE_END]! - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (this.text.charCodeAt(start + i) !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Adds a field behind the others. */
  add(field: HeaderField): void {
    if (this.#addedCount === this.#addedCapacity) this.#growAdded();
    this.#added[this.#addedStart + this.#addedCount] = field;
    this.#addedCount += 1;
  }

  /** Removes every field of this name. */
  remove(name: HeaderName): void {
    if (this.#mayHave(name.id)) {
      for (let i = 0; i < this.count; i++) {
        if (this.#isNamed(i, name.id, name.lower)) this.drop(i);
      }
    }
    let kept = 0;
    for (let i = 0; i < this.#addedCount; i++) {
      const field = this.#addedField(i);
      if (field.name.lower === name.lower) continue;
      this.#added[this.#addedStart + kept] = field;
      kept += 1;
    }
    this.#addedCount = kept;
  }

  /** Drops the arrived fields whose name is an unwanted one of the family. Makes strings of names that nobody knows only. */
  dropFamily(family: NameFamily): void {
    const { prefix } = family;
    const first = prefix.charCodeAt(0);
    for (let i = 0; i < this.count; i++) {
      const id = this.idOf(i);
      if (id !== HEADER_UNKNOWN) {
        if (family.isKnownUnwanted(id)) this.drop(i);
        continue;
      }
      const start = this.#fields[this.#at(i) + NAME_START]!;
      if (lowerCode(this.text, start) !== first || !this.isKept(i)) continue;
      let at = 1;
      while (at < prefix.length && lowerCode(this.text, start + at) === prefix.charCodeAt(at)) at++;
      if (at === prefix.length && family.isUnwanted(this.name(i))) this.drop(i);
    }
  }

  /** Whether a kept field that arrived has `_` in its name. */
  hasUnderscoreName(): boolean {
    return this.#underscoreName(0) >= 0;
  }

  dropUnderscoreNames(): void {
    for (let i = this.#underscoreName(0); i >= 0; i = this.#underscoreName(i + 1)) this.drop(i);
  }

  /** Replaces every field of this name by one. */
  set(field: HeaderField): void {
    this.remove(field.name);
    this.add(field);
  }

  /** Calls `visit` with every kept field, in order. For cold paths and tests. */
  forEach(visit: (name: string, value: string) => void): void {
    for (let i = 0; i < this.count; i++) {
      if (this.isKept(i)) visit(this.name(i), this.value(i));
    }
    for (let i = 0; i < this.#addedCount; i++) {
      const { name, value } = this.#addedField(i);
      visit(name.text, value);
    }
  }

  /** The kept fields as HTTP/1.1 lines, each ended by CRLF. Untouched runs are copied in one slice. */
  toLines(): string {
    let lines = this.#hasEdits ? this.#keptLines() : this.#allLines();
    for (let i = 0; i < this.#addedCount; i++) lines += this.#addedField(i).line;
    return lines;
  }

  /** Fields that `writeTo` writes at most. */
  get fieldCountMax(): number {
    return this.count + this.#addedCount;
  }

  /** Characters of the names and values that `writeTo` writes, at most. */
  get textLengthMax(): number {
    let length = this.text.length;
    for (let i = 0; i < this.#addedCount; i++) length += this.#addedField(i).lineLength;
    return length;
  }

  /** Writes the kept fields, but for those whose number has its bit in `skippedIds` (`1 << id`, up to LAST_FLAGGED_ID). */
  writeTo(writer: FieldWriter, skippedIds: number): void {
    const fields = this.#fields;
    const end = this.#at(this.count);
    // Short requests have a Host field and nothing else: their text is not looked at.
    let isTextSet = false;
    for (let at = this.#start; at < end; at += STRIDE) {
      const state = fields[at + STATE]!;
      const id = fields[at + ID]!;
      if (state === FIELD_DROPPED || isFlagged(id, skippedIds)) continue;
      if (!isTextSet) writer.setText(this.text);
      isTextSet = true;
      writer.addSpan(
        id,
        fields[at + NAME_START]!,
        fields[at + NAME_END]!,
        fields[at + VALUE_START]!,
        fields[at + VALUE_END]!,
        state === FIELD_NEVER_INDEXED,
      );
    }
    for (let i = 0; i < this.#addedCount; i++) {
      const field = this.#addedField(i);
      if (!isFlagged(field.name.id, skippedIds)) writer.addField(field);
    }
  }

  #allLines(): string {
    if (this.count === 0) return "";
    return this.text.slice(this.#fields[this.#start + NAME_START]!, this.endOf(this.count - 1));
  }

  #keptLines(): string {
    let lines = "";
    let runStart = -1;
    for (let i = 0; i < this.count; i++) {
      const state = this.#state(i);
      const nameStart = this.#fields[this.#at(i) + NAME_START]!;
      if (state <= FIELD_NEVER_INDEXED) {
        if (runStart < 0) runStart = nameStart;
        continue;
      }
      if (runStart >= 0) {
        // Behind a kept line stands its CRLF, then the name of this one.
        lines += this.text.slice(runStart, nameStart);
        runStart = -1;
      }
      if (state === FIELD_UNTIDY) lines += `${this.name(i)}: ${this.value(i)}\r\n`;
    }
    if (runStart >= 0) lines += this.text.slice(runStart, this.endOf(this.count - 1));
    return lines;
  }

  /** Whether a field that arrived may have this number. */
  #mayHave(id: number): boolean {
    return (this.#idBits & (1 << id)) !== 0;
  }

  #isNamed(index: number, id: number, lowerName: string): boolean {
    if (this.#state(index) === FIELD_DROPPED) return false;
    if (id !== HEADER_UNKNOWN) return this.idOf(index) === id;
    if (this.idOf(index) !== HEADER_UNKNOWN) return false;
    const at = this.#at(index);
    const length = this.#fields[at + NAME_END]! - this.#fields[at + NAME_START]!;
    return length === lowerName.length && this.name(index).toLowerCase() === lowerName;
  }

  /** The first kept field from `from` on with `_` in its name, or -1. */
  #underscoreName(from: number): number {
    let next = -1;
    for (let i = from; i < this.count; i++) {
      const start = this.#fields[this.#at(i) + NAME_START]!;
      if (next < start) next = this.text.indexOf("_", start);
      if (next < 0) return -1;
      if (next < this.#fields[this.#at(i) + NAME_END]! && this.isKept(i)) return i;
    }
    return -1;
  }

  #state(index: number): number {
    return this.#fields[this.#at(index) + STATE]!;
  }

  /** Where the numbers of an arrived field begin. */
  #at(index: number): number {
    return this.#start + index * STRIDE;
  }

  #addedField(index: number): HeaderField {
    return this.#added[this.#addedStart + index]!;
  }

  /** The block moves to arrays of its own. */
  #grow(): void {
    const capacity = Math.max(ARRIVED_FIELDS, 2 * this.#capacity);
    const grown = new Int32Array(STRIDE * capacity);
    grown.set(this.#fields.subarray(this.#start, this.#at(this.#capacity)));
    this.#fields = grown;
    this.#start = 0;
    this.#capacity = capacity;
  }

  #growAdded(): void {
    const end = this.#addedStart + this.#addedCapacity;
    this.#added = this.#added.slice(this.#addedStart, end);
    this.#addedStart = 0;
    this.#addedCapacity = UNBOUNDED;
  }
}

/** Of a character of a field name. */
function lowerCode(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= UPPER_A && code <= UPPER_Z ? code + LOWER_OFFSET : code;
}

function isFlagged(id: number, ids: number): boolean {
  return id <= LAST_FLAGGED_ID && ((ids >>> id) & 1) === 1;
}
