/**
 * How many streams are open at once (RFC 9113 section 5.1.2), counted so that a reset frees no place
 * while its work goes on: CVE-2025-8671 ("MadeYouReset") and CVE-2023-44487 start more work than the
 * limit allows by streams that are closed for the protocol alone (T12, T13).
 */
import { assert } from "../core/assert.ts";

/** What a stream keeps of its place. Embedded in the stream. */
export interface SlotHolder {
  /** 0 before `take` and after the place is free again. Written by StreamSlots alone. */
  slot: number;
}

const FREE = 0;
const STREAM = 1;
const WORK = 2;

export class StreamSlots {
  #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get limit(): number {
    return this.#limit;
  }

  /** SETTINGS_MAX_CONCURRENT_STREAMS changed. Streams above a lower limit go on (section 5.1.2). */
  setLimit(limit: number): void {
    this.#limit = limit;
  }

  /** False when there is no place: a server answers REFUSED_STREAM, a client waits or dials. */
  take(holder: SlotHolder): boolean {
    assert(holder.slot === FREE, "a stream has one place");
    if (this.#taken >= this.#limit) return false;
    this.#taken += 1;
    holder.slot = STREAM | WORK;
    return true;
  }

  /** END_STREAM went both ways: there is no work left. */
  ended(holder: SlotHolder): void {
    this.#release(holder, STREAM | WORK);
  }

  /** RST_STREAM went one way or the other. The place is free once the work has ended too. */
  reset(holder: SlotHolder): void {
    this.#release(holder, STREAM);
  }

  /** What the stream had caused (the exchange, its upstream request) is over. */
  workEnded(holder: SlotHolder): void {
    this.#release(holder, WORK);
  }

  #release(holder: SlotHolder, part: number): void {
    if (holder.slot === FREE) return;
    holder.slot &= ~part;
    if (holder.slot === FREE) this.#taken -= 1;
  }
}
