/**
 * The fields of one message, kept as the text they arrived in plus offsets: a proxy forwards nearly
 * every field untouched, so names and values become strings of their own only when somebody asks.
 * Name case and order survive. A block is reused for each message of its connection; nothing read
 * from it may be kept past the message, except strings.
 */
import { HEADER_COUNT_MAX } from "../core/limits.ts";
import type { HeaderField, HeaderName } from "./header-field.ts";
import { HEADER_UNKNOWN, idOfName } from "./header-name.ts";

const FIELD_KEPT = 0;
/** Not forwarded and not found. */
const FIELD_DROPPED = 1;
/** Kept, but its line was not exactly `name: value`: it is written anew. */
const FIELD_UNTIDY = 2;

export class HeaderBlock {
  /** Latin-1 text that the offsets index. */
  text = "";
  count = 0;
  /** Four offsets a field: name start, name end, value start, value end. */
  readonly spans = new Int32Array(4 * HEADER_COUNT_MAX);
  readonly ids = new Uint8Array(HEADER_COUNT_MAX);
  readonly #states = new Uint8Array(HEADER_COUNT_MAX);
  #hasEdits = false;
  /** Fields added behind the arrived ones. The array only grows: emptying it per message costs more. */
  #addedCount = 0;
  readonly #added: HeaderField[] = [];

  clear(): void {
    this.text = "";
    this.count = 0;
    this.#hasEdits = false;
    this.#addedCount = 0;
  }

  /** For codecs: appends a field by its offsets. The caller has checked the bytes and the bound. */
  push(id: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const at = this.count * 4;
    const spans = this.spans;
    spans[at] = nameStart;
    spans[at + 1] = nameEnd;
    spans[at + 2] = valueStart;
    spans[at + 3] = valueEnd;
    this.ids[this.count] = id;
    this.#states[this.count] = FIELD_KEPT;
    this.count += 1;
  }

  /** For codecs: the last pushed line carries white space that is not passed on. */
  markUntidy(): void {
    this.#states[this.count - 1] = FIELD_UNTIDY;
    this.#hasEdits = true;
  }

  /** Whether a line that is kept is exactly `name: value`. */
  isTidy(index: number): boolean {
    return this.#states[index] === FIELD_KEPT;
  }

  isKept(index: number): boolean {
    return this.#states[index] !== FIELD_DROPPED;
  }

  name(index: number): string {
    return this.text.slice(this.spans[index * 4]!, this.spans[index * 4 + 1]!);
  }

  value(index: number): string {
    return this.text.slice(this.spans[index * 4 + 2]!, this.spans[index * 4 + 3]!);
  }

  /** Where the line of an arrived field ends in `text`, its CRLF included. For tidy lines. */
  endOf(index: number): number {
    return this.spans[index * 4 + 3]! + 2;
  }

  drop(index: number): void {
    this.#states[index] = FIELD_DROPPED;
    this.#hasEdits = true;
  }

  /** The index of the first kept field with this number from `HEADER`, or -1. Arrived fields only. */
  indexOf(id: number): number {
    const ids = this.ids;
    for (let i = 0; i < this.count; i++) {
      if (ids[i] === id && this.#states[i] !== FIELD_DROPPED) return i;
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
      const { name, value } = this.#added[i]!;
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
      const { name, value } = this.#added[i]!;
      if (name.lower === lowerName) found.push(value);
    }
    return found;
  }

  /** Whether the value of an arrived field is this text. Makes no string. */
  isValue(index: number, text: string): boolean {
    const start = this.spans[index * 4 + 2]!;
    if (this.spans[index * 4 + 3]! - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (this.text.charCodeAt(start + i) !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Adds a field behind the others. */
  add(field: HeaderField): void {
    this.#added[this.#addedCount] = field;
    this.#addedCount += 1;
  }

  /** Removes every field of this name. */
  remove(name: HeaderName): void {
    for (let i = 0; i < this.count; i++) {
      if (this.#isNamed(i, name.id, name.lower)) this.drop(i);
    }
    let kept = 0;
    for (let i = 0; i < this.#addedCount; i++) {
      const field = this.#added[i]!;
      if (field.name.lower === name.lower) continue;
      this.#added[kept] = field;
      kept += 1;
    }
    this.#addedCount = kept;
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
      const { name, value } = this.#added[i]!;
      visit(name.text, value);
    }
  }

  /** The kept fields as HTTP/1.1 lines, each ended by CRLF. Untouched runs are copied in one slice. */
  toLines(): string {
    let lines = this.#hasEdits ? this.#keptLines() : this.#allLines();
    for (let i = 0; i < this.#addedCount; i++) lines += this.#added[i]!.line;
    return lines;
  }

  #allLines(): string {
    if (this.count === 0) return "";
    return this.text.slice(this.spans[0]!, this.spans[this.count * 4 - 1]! + 2);
  }

  #keptLines(): string {
    const spans = this.spans;
    let lines = "";
    let runStart = -1;
    for (let i = 0; i < this.count; i++) {
      const state = this.#states[i]!;
      if (state === FIELD_KEPT) {
        if (runStart < 0) runStart = spans[i * 4]!;
        continue;
      }
      if (runStart >= 0) {
        // Behind a kept line stands its CRLF, then the name of this one.
        lines += this.text.slice(runStart, spans[i * 4]!);
        runStart = -1;
      }
      if (state === FIELD_UNTIDY) lines += `${this.name(i)}: ${this.value(i)}\r\n`;
    }
    if (runStart >= 0) lines += this.text.slice(runStart, spans[this.count * 4 - 1]! + 2);
    return lines;
  }

  #isNamed(index: number, id: number, lowerName: string): boolean {
    if (this.#states[index] === FIELD_DROPPED) return false;
    if (id !== HEADER_UNKNOWN) return this.ids[index] === id;
    if (this.ids[index] !== HEADER_UNKNOWN) return false;
    const length = this.spans[index * 4 + 1]! - this.spans[index * 4]!;
    return length === lowerName.length && this.name(index).toLowerCase() === lowerName;
  }
}
