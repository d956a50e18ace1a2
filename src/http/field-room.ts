/**
 * Where header blocks keep what they know of their fields: one pair of arrays for several blocks. With arrays of its
 * own each block would be five objects, all of which a proxy with many requests under way has to fetch from memory
 * for each message.
 */
import type { HeaderField } from "./header-field.ts";

/** Lives as long as one of them: so few that the last one of many connections does not hold much. */
const BLOCKS_PER_ROOM = 32;
/** Most messages have fewer fields, and are given fewer. */
export const ARRIVED_FIELDS = 16;
export const ADDED_FIELDS = 8;
/** What is known of an arrived field is so many numbers. */
export const NUMBERS_PER_FIELD = 6;

const NUMBERS_PER_BLOCK = ARRIVED_FIELDS * NUMBERS_PER_FIELD;

export class FieldRoom {
  readonly numbers = new Int32Array(BLOCKS_PER_ROOM * NUMBERS_PER_BLOCK);
  readonly added: (HeaderField | undefined)[] = Array.from(
    { length: BLOCKS_PER_ROOM * ADDED_FIELDS },
    () => undefined,
  );
  /** Where the part of the block that was given room last begins, in both arrays. */
  numbersAt = -NUMBERS_PER_BLOCK;
  addedAt = -ADDED_FIELDS;

  /** Returns false when all of it is given. */
  giveNext(): boolean {
    if (this.addedAt + ADDED_FIELDS === this.added.length) return false;
    this.numbersAt += NUMBERS_PER_BLOCK;
    this.addedAt += ADDED_FIELDS;
    return true;
  }
}

let current = new FieldRoom();

/** Room for one more block: `numbersAt` and `addedAt` say which part of it. */
export function nextRoom(): FieldRoom {
  if (current.giveNext()) return current;
  current = new FieldRoom();
  current.giveNext();
  return current;
}
