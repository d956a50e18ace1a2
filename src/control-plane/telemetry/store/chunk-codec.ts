/**
 * A step's figures as bytes: for each series its id, which of its slots are not zero, and these. Nearly all are small
 * numbers, so a series takes a dozen bytes; a step is one row of the database.
 */
import { SLOT_COUNT, type Slots } from "./traffic-slots.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

/** Written first, so that a later form can be told apart. */
const FORMAT = 1;
/** Series by id. */
export type Cells = ReadonlyMap<number, Slots>;

/** Writes chunks, one after another. */
export class ChunkEncoder {
  readonly #writer = new VarintWriter();

  /** Values are whole and not negative. */
  encode(cells: Cells): Uint8Array {
    const writer = this.#writer;
    writer.write(FORMAT);
    let last = -1;
    for (const id of [...cells.keys()].sort((a, b) => a - b)) {
      const slots = cells.get(id);
      if (slots === undefined) continue;
      let mask = 0;
      for (let slot = 0; slot < SLOT_COUNT; slot++) if (slots[slot] !== 0) mask |= 1 << slot;
      if (mask === 0) continue;
      writer.write(id - last);
      writer.write(mask);
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        if ((mask & (1 << slot)) !== 0) writer.write(slots[slot] ?? 0);
      }
      last = id;
    }
    return writer.take();
  }
}

/**
 * Calls `visit` for each series with its slots, which are overwritten by the next. Bytes of another form, or that end
 * early, hold nothing more: they are our own, and a figure that is missing is better than none.
 */
export function decodeChunk(
  bytes: Uint8Array,
  visit: (id: number, slots: Slots, mask: number) => void,
): void {
  const slots = new Float64Array(SLOT_COUNT);
  const reader = new VarintReader(bytes);
  if (reader.read() !== FORMAT) return;
  let id = -1;
  while (reader.hasMore) {
    id += reader.read();
    const mask = reader.read();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      slots[slot] = (mask & (1 << slot)) === 0 ? 0 : reader.read();
    }
    if (reader.isOver) return;
    visit(id, slots, mask);
  }
}

/** The sum of chunks. */
export function foldChunks(chunks: Iterable<Uint8Array>): Map<number, Slots> {
  const cells = new Map<number, Slots>();
  for (const chunk of chunks) decodeChunk(chunk, (id, slots) => addSlots(cells, id, slots));
  return cells;
}

export function addSlots(cells: Map<number, Slots>, id: number, slots: Slots): void {
  const known = cells.get(id);
  if (known === undefined) {
    cells.set(id, Float64Array.from(slots));
    return;
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++)
    known[slot] = (known[slot] ?? 0) + (slots[slot] ?? 0);
}
