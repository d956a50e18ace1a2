/**
 * The dynamic table (RFC 7541 section 2.3.2) of one direction: bytes of its fields in a ring, what is
 * known of them in another. Both come with the first entry and grow up to what the table's size allows, so that
 * idle connections cost little; nothing is allocated for an entry.
 */
import { Buffer } from "node:buffer";
import { assert } from "../../core/assert.ts";
import { copyWords, viewOf, WORD_SLACK } from "./hpack-scratch.ts";

/** RFC 7541 section 4.1: what an entry counts beside its bytes. */
export const ENTRY_OVERHEAD_BYTES = 32;
/** RFC 9113 section 6.5.2: the size before SETTINGS say another. */
export const HPACK_TABLE_BYTES_DEFAULT = 4_096;

const SLOTS_INITIAL = 16;
const RING_BYTES_INITIAL = 256;
/** Of tables without an entry. */
const NO_BYTES = Buffer.alloc(0);
const NO_VIEW = viewOf(NO_BYTES);
const NO_SLOTS = new Int32Array(0);

/** Integers of a slot. */
const SLOT_WIDTH = 6;
const AT = 0;
const NAME_LENGTH = 1;
const VALUE_LENGTH = 2;
const META = 3;
const HASH = 4;
const STORED_BYTES = 5;

export class DynamicTable {
  /** Sum of the entries' sizes, at most `sizeMax`. */
  size = 0;
  sizeMax: number;
  count = 0;
  /** Entries ever inserted: the newest has this number, counting from 1. Wraps after 2^31, which no connection lives to see. */
  insertCount = 0;
  /** Bytes of the entries. Replaced when the ring grows. */
  view = NO_VIEW;
  #bytes = NO_BYTES;
  #writeAt = 0;
  #slots = NO_SLOTS;
  /** -1 without slots. */
  #slotMask = -1;
  readonly #texts: string[] = [];

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax;
  }

  /** Where an entry lies, to be passed to the accessors; -1 when there is none. 0 is the newest. Valid until the next insertion. */
  slotOf(index: number): number {
    if (index >= this.count) return -1;
    return ((this.insertCount - index) & this.#slotMask) * SLOT_WIDTH;
  }

  /** The place of the entry with this insertion number among the live ones, counting from 0; at least `count` when it is gone. */
  indexOf(insertNumber: number): number {
    return this.insertCount - insertNumber;
  }

  nameLength(slot: number): number {
    return this.#slots[slot + NAME_LENGTH]!;
  }

  valueLength(slot: number): number {
    return this.#slots[slot + VALUE_LENGTH]!;
  }

  meta(slot: number): number {
    return this.#slots[slot + META]!;
  }

  hash(slot: number): number {
    return this.#slots[slot + HASH]!;
  }

  /** Offset of the entry's bytes in `view`. */
  offset(slot: number): number {
    return this.#slots[slot + AT]!;
  }

  /** Bytes of the entry in `view`. */
  storedBytes(slot: number): number {
    return this.#slots[slot + STORED_BYTES]!;
  }

  text(slot: number): string {
    return this.#texts[slot / SLOT_WIDTH]!;
  }

  /** RFC 7541 section 4.3. The caller has checked the bound. */
  resize(sizeMax: number): void {
    this.sizeMax = sizeMax;
    this.#evictTo(sizeMax);
  }

  /**
   * Adds an entry after making room (RFC 7541 section 4.4); false when it is larger than the table,
   * which is then empty. `storedBytes` bytes of `from` are kept: whatever the caller needs again.
   * `text` must not be a slice of something larger.
   */
  insert(
    nameLength: number,
    valueLength: number,
    meta: number,
    hash: number,
    from: DataView,
    fromAt: number,
    storedBytes: number,
    text: string,
  ): boolean {
    const size = nameLength + valueLength + ENTRY_OVERHEAD_BYTES;
    this.#evictTo(this.sizeMax - size);
    if (size > this.sizeMax) return false;
    const at = this.#room(storedBytes);
    if (this.count > this.#slotMask) this.#growSlots();
    copyWords(from, fromAt, this.view, at, storedBytes);
    this.#writeAt = at + storedBytes;
    this.insertCount += 1;
    const number = this.insertCount & this.#slotMask;
    const slots = this.#slots;
    const slot = number * SLOT_WIDTH;
    slots[slot + AT] = at;
    slots[slot + NAME_LENGTH] = nameLength;
    slots[slot + VALUE_LENGTH] = valueLength;
    slots[slot + META] = meta;
    slots[slot + HASH] = hash;
    slots[slot + STORED_BYTES] = storedBytes;
    this.#texts[number] = text;
    this.count += 1;
    this.size += size;
    return true;
  }

  #evictTo(size: number): void {
    while (this.size > size && this.count > 0) {
      const number = (this.insertCount - this.count + 1) & this.#slotMask;
      const slot = number * SLOT_WIDTH;
      this.size -=
        this.#slots[slot + NAME_LENGTH]! + this.#slots[slot + VALUE_LENGTH]! + ENTRY_OVERHEAD_BYTES;
      this.#texts[number] = "";
      this.count -= 1;
    }
    if (this.count === 0) this.#writeAt = 0;
  }

  /**
   * An offset with room for `length` bytes and the slack behind them. Entries lie in one piece; the
   * slack may run into no live entry, so each entry is followed by it.
   */
  #room(length: number): number {
    const needed = length + WORD_SLACK;
    for (;;) {
      const capacity = this.#bytes.length;
      const at = this.count === 0 ? 0 : this.#writeAt + WORD_SLACK;
      if (this.count === 0) {
        if (needed <= capacity) return 0;
      } else {
        const oldest = this.#slots[this.slotOf(this.count - 1) + AT]!;
        if (oldest < at) {
          if (at + needed <= capacity) return at;
          if (needed <= oldest) return 0;
        } else if (at + needed <= oldest) return at;
      }
      this.#growBytes();
    }
  }

  /** Doubles the ring and lays the entries out one behind the other. */
  #growBytes(): void {
    const capacity = Math.max((this.#bytes.length - WORD_SLACK) * 2, RING_BYTES_INITIAL);
    // An entry's bytes and slack are less than its accounted size, and twice the table is room enough.
    assert(capacity <= 4 * Math.max(this.sizeMax, RING_BYTES_INITIAL), "HPACK ring is bounded");
    const bytes = Buffer.alloc(capacity + WORD_SLACK);
    const view = viewOf(bytes);
    let at = 0;
    for (let index = this.count - 1; index >= 0; index--) {
      const slot = this.slotOf(index);
      const length = this.#slots[slot + STORED_BYTES]!;
      copyWords(this.view, this.#slots[slot + AT]!, view, at, length);
      this.#slots[slot + AT] = at;
      this.#writeAt = at + length;
      at += length + WORD_SLACK;
    }
    this.#bytes = bytes;
    this.view = view;
  }

  #growSlots(): void {
    const old = this.#slots;
    const oldMask = this.#slotMask;
    const slotCount = Math.max((oldMask + 1) * 2, SLOTS_INITIAL);
    const slots = new Int32Array(slotCount * SLOT_WIDTH);
    const texts = this.#texts.slice();
    this.#texts.length = 0;
    for (let i = 0; i < slotCount; i++) this.#texts.push("");
    for (let index = 0; index < this.count; index++) {
      const number = this.insertCount - index;
      const from = (number & oldMask) * SLOT_WIDTH;
      slots.set(old.subarray(from, from + SLOT_WIDTH), (number & (slotCount - 1)) * SLOT_WIDTH);
      this.#texts[number & (slotCount - 1)] = texts[number & oldMask]!;
    }
    this.#slots = slots;
    this.#slotMask = slotCount - 1;
  }
}
