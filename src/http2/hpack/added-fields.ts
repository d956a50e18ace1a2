/**
 * The fields that a proxy added to messages lately, and their entries in the table: most are made once and added to each
 * message, so that the object alone tells which entry is meant. Who asks looks whether it is still there.
 */
import type { HeaderField } from "../../http/header-field.ts";

/** A power of two. Of two fields that meet, the one added last is known. */
const SLOTS = 16;

export class AddedFields {
  readonly #fields: (HeaderField | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #numbers = new Int32Array(SLOTS);

  /** The insertion number of its entry, 0 for none. */
  numberOf(field: HeaderField): number {
    const slot = slotOf(field);
    return this.#fields[slot] === field ? this.#numbers[slot]! : 0;
  }

  put(field: HeaderField, insertNumber: number): void {
    const slot = slotOf(field);
    this.#fields[slot] = field;
    this.#numbers[slot] = insertNumber;
  }
}

function slotOf(field: HeaderField): number {
  return field.name.id & (SLOTS - 1);
}
