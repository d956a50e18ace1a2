/**
 * Where the encoder finds table entries by hash: insertion numbers in pairs of slots. What is evicted
 * needs no removal, its number is just too old; where three entries meet, the oldest is forgotten and
 * sent as a literal once more. So nobody gains by making hashes collide. It takes memory with its first entry.
 */
import { assert } from "../../core/assert.ts";

const SLOTS_MAX = 256;
/** Of those without an entry: to be read only. */
const NO_NUMBERS = new Int32Array(SLOTS_MAX);

export class EntryIndex {
  #numbers = NO_NUMBERS;
  readonly #mask: number;

  /** `slotCount` is a power of two, at most SLOTS_MAX. */
  constructor(slotCount: number) {
    assert(slotCount <= SLOTS_MAX, "what is empty can be read, too");
    this.#mask = slotCount - 1;
  }

  /** An insertion number that may have this hash, 0 for none. */
  first(hash: number): number {
    return this.#numbers[hash & this.#mask]!;
  }

  /** The other one. */
  second(hash: number): number {
    return this.#numbers[(hash & this.#mask) ^ 1]!;
  }

  put(hash: number, insertNumber: number): void {
    if (this.#numbers === NO_NUMBERS) this.#numbers = new Int32Array(this.#mask + 1);
    const slot = hash & this.#mask;
    const numbers = this.#numbers;
    const target = numbers[slot]! <= numbers[slot ^ 1]! ? slot : slot ^ 1;
    numbers[target] = insertNumber;
  }
}
