/**
 * Lists of numbers by prefixes of a text, found by hash: one pass over a text finds the lists of all its prefixes,
 * whatever their number, and allocates nothing. Prefixes whose hashes are the same share a list, so whoever asks must
 * test what is found.
 */

/** The hash of the empty text. */
export const HASH_START = 17;

/** The hash of a text with one character more. */
export function hashWith(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

/** 2^32 by the golden ratio (Knuth): paths that differ by a digit come to stand far from each other. */
const MIXER = 0x9e37_79b1;
/** Slots for each entry: half of them stay empty, so that a miss is seen at once. */
const SLOTS_PER_ENTRY = 2;

export class PrefixTable {
  /** The lengths that prefixes have, ascending. */
  readonly lengths: Int32Array;
  readonly #mask: number;
  /** What is left of a mixed hash is as many bits as number the slots. */
  readonly #shift: number;
  readonly #hashes: Int32Array;
  /** 0 for an empty slot, else one more than the place of its list. */
  readonly #places: Int32Array;
  readonly #lists: readonly (readonly number[])[];

  /** Numbers stay in the order in which they come. */
  constructor(entries: readonly (readonly [prefix: string, value: number])[]) {
    const byHash = new Map<number, number[]>();
    for (const [prefix, value] of entries) {
      const hash = hashOf(prefix);
      const list = byHash.get(hash);
      if (list === undefined) byHash.set(hash, [value]);
      else list.push(value);
    }
    const lengths = new Set(entries.map(([prefix]) => prefix.length));
    this.lengths = Int32Array.from(lengths).sort();
    this.#lists = [...byHash.values()];
    const bits = Math.max(1, Math.ceil(Math.log2(SLOTS_PER_ENTRY * byHash.size)));
    const size = 2 ** bits;
    this.#mask = size - 1;
    this.#shift = 32 - bits;
    this.#hashes = new Int32Array(size);
    this.#places = new Int32Array(size);
    for (const [place, hash] of [...byHash.keys()].entries()) {
      const slot = this.#slotOf(hash);
      this.#hashes[slot] = hash;
      this.#places[slot] = place + 1;
    }
  }

  /** What stands under the prefix with this hash, and perhaps what stands under others. */
  listAt(hash: number): readonly number[] | undefined {
    const place = this.#places[this.#slotOf(hash)]!;
    return place === 0 ? undefined : this.#lists[place - 1];
  }

  /** Where the hash stands, or the empty slot where it would. */
  #slotOf(hash: number): number {
    let slot = Math.imul(hash, MIXER) >>> this.#shift;
    while (this.#places[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & this.#mask;
    return slot;
  }
}

function hashOf(text: string): number {
  let hash = HASH_START;
  for (let i = 0; i < text.length; i++) hash = hashWith(hash, text.charCodeAt(i));
  return hash;
}
