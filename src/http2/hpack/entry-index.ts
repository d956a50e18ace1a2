/**
 * Where the encoder finds table entries by hash: insertion numbers in pairs of slots. What is evicted
 * needs no removal, its number is just too old; where three entries meet, the oldest is forgotten and
 * sent as a literal once more. So nobody gains by making hashes collide.
 */
export class EntryIndex {
  readonly #numbers: Int32Array;
  readonly #mask: number;

  /** `slotCount` is a power of two. */
  constructor(slotCount: number) {
    this.#numbers = new Int32Array(slotCount);
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
    const slot = hash & this.#mask;
    const numbers = this.#numbers;
    const target = numbers[slot]! <= numbers[slot ^ 1]! ? slot : slot ^ 1;
    numbers[target] = insertNumber;
  }
}
