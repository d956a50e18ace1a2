/**
 * The open streams of one connection by identifier. Identifiers only grow, so that the streams under way have
 * neighbouring ones: the place of nearly every stream is its number (`id >> 1`) modulo the table's length, found
 * without a hash. One whose place a long-lived stream holds stands aside.
 */
import { assert } from "../core/assert.ts";

/** Powers of two. Most connections have few streams. */
const PLACES_INITIAL = 16;

export class StreamTable<S> {
  #places: (S | undefined)[] = emptyPlaces(PLACES_INITIAL);
  /** 0, the connection itself, where the place is free. */
  #ids = new Int32Array(PLACES_INITIAL);
  #mask = PLACES_INITIAL - 1;
  readonly #aside = new Map<number, S>();
  size = 0;

  get(id: number): S | undefined {
    const place = (id >>> 1) & this.#mask;
    if (this.#ids[place] === id) return this.#places[place];
    return this.#aside.size === 0 ? undefined : this.#aside.get(id);
  }

  /** The identifier is not 0, and has no stream yet. */
  add(id: number, stream: S): void {
    if (this.size > this.#mask) this.#grow();
    this.size += 1;
    this.#place(id, stream);
  }

  delete(id: number): void {
    const place = (id >>> 1) & this.#mask;
    if (this.#ids[place] === id) {
      this.#ids[place] = 0;
      this.#places[place] = undefined;
    } else {
      const wasAside = this.#aside.delete(id);
      assert(wasAside, "a stream is deleted once");
    }
    this.size -= 1;
  }

  /** All of them now, oldest first. */
  all(): S[] {
    return this.#openIds().map((id) => this.get(id)!);
  }

  #openIds(): number[] {
    const ids = [...this.#ids.filter((id) => id !== 0), ...this.#aside.keys()];
    return ids.sort((a, b) => a - b);
  }

  #place(id: number, stream: S): void {
    const place = (id >>> 1) & this.#mask;
    if (this.#ids[place] === 0) {
      this.#ids[place] = id;
      this.#places[place] = stream;
    } else this.#aside.set(id, stream);
  }

  /** Bounded by the streams that are open at once. */
  #grow(): void {
    const ids = this.#openIds();
    const open = this.all();
    const count = 2 * this.#places.length;
    this.#places = emptyPlaces(count);
    this.#ids = new Int32Array(count);
    this.#mask = count - 1;
    this.#aside.clear();
    for (const [i, id] of ids.entries()) this.#place(id, open[i]!);
  }
}

function emptyPlaces<S>(count: number): (S | undefined)[] {
  return new Array<S | undefined>(count).fill(undefined);
}
