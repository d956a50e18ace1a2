/**
 * Timeouts of the data path: thousands of them, armed and disarmed per request, nearly none of which
 * fire. One runtime timer ticks for all; arming is a list insertion that reads no clock. What is still
 * armed at the next tick gets its place on the wheel then. A timeout fires never early, and at most two
 * ticks late: one until it is placed, one of rounding. The wheel stops ticking when nothing is armed.
 *
 *   fresh -> entry <-> entry               armed since the last tick
 *   slots:  [0] -> entry <-> entry     [1]     [2] -> entry     ...
 *                     ^ the hand moves one slot per tick; entries further away than one turn wait
 *                       for `turns` passes.
 */
import type { Clock, Timer } from "./clock.ts";

/** Owners embed one entry and reuse it. */
export class TimerEntry {
  readonly onTimeout: () => void;
  next: TimerEntry | undefined = undefined;
  previous: TimerEntry | undefined = undefined;
  /** The list it is in, or -1. */
  list = -1;
  turns = 0;
  delayMs = 0;

  constructor(onTimeout: () => void) {
    this.onTimeout = onTimeout;
  }

  get isArmed(): boolean {
    return this.list >= 0;
  }
}

const SLOT_COUNT = 1024;
/** Behind the slots: entries armed since the last tick, and entries that fire in this one. */
const FRESH = SLOT_COUNT;
const DUE = SLOT_COUNT + 1;
const LIST_COUNT = SLOT_COUNT + 2;
/** The runtime counts whole milliseconds and may fire a timer a fraction early: a tick must not. */
const RUNTIME_SLACK_MS = 1;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #heads: (TimerEntry | undefined)[] = new Array(LIST_COUNT).fill(undefined);
  #hand = 0;
  #armedCount = 0;
  #timer: Timer | undefined;
  #nextTickMs = 0;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  get armedCount(): number {
    return this.#armedCount;
  }

  /** Arms or re-arms. */
  arm(entry: TimerEntry, delayMs: number): void {
    if (entry.list >= 0) this.#unlink(entry);
    else this.#armedCount += 1;
    entry.delayMs = delayMs;
    this.#link(entry, FRESH);
    if (this.#timer === undefined) {
      const nowMs = this.#clock.monotonicMs();
      this.#nextTickMs = nowMs + this.#tickMs;
      this.#schedule(nowMs);
    }
  }

  /** Does nothing when the entry is not armed. */
  disarm(entry: TimerEntry): void {
    if (entry.list < 0) return;
    this.#unlink(entry);
    this.#armedCount -= 1;
  }

  #link(entry: TimerEntry, list: number): void {
    const head = this.#heads[list];
    entry.list = list;
    entry.next = head;
    if (head !== undefined) head.previous = entry;
    this.#heads[list] = entry;
  }

  #unlink(entry: TimerEntry): void {
    const { next, previous } = entry;
    if (previous !== undefined) previous.next = next;
    else this.#heads[entry.list] = next;
    if (next !== undefined) next.previous = previous;
    entry.next = undefined;
    entry.previous = undefined;
    entry.list = -1;
  }

  #schedule(nowMs: number): void {
    const delayMs = Math.max(0, this.#nextTickMs - nowMs) + RUNTIME_SLACK_MS;
    this.#timer = this.#clock.schedule(delayMs, this.#onTick);
  }

  readonly #onTick = (): void => {
    try {
      // A process that was held up catches up, at most one turn.
      const nowMs = this.#clock.monotonicMs();
      for (let i = 0; i < SLOT_COUNT && this.#nextTickMs <= nowMs; i++) {
        this.#nextTickMs += this.#tickMs;
        this.#turn();
      }
    } finally {
      // Also when a callback threw: the others keep their timeouts.
      const nowMs = this.#clock.monotonicMs();
      if (this.#nextTickMs <= nowMs) this.#nextTickMs = nowMs + this.#tickMs;
      this.#placeFresh(nowMs);
      if (this.#armedCount === 0) this.#timer = undefined;
      else this.#schedule(nowMs);
    }
  };

  #turn(): void {
    this.#hand = (this.#hand + 1) % SLOT_COUNT;
    let entry = this.#heads[this.#hand];
    while (entry !== undefined) {
      const next: TimerEntry | undefined = entry.next;
      if (entry.turns > 0) {
        entry.turns -= 1;
      } else {
        this.#unlink(entry);
        this.#link(entry, DUE);
      }
      entry = next;
    }
    // One that fires may disarm or re-arm those behind it: each is taken off the list by itself.
    for (let due = this.#heads[DUE]; due !== undefined; due = this.#heads[DUE]) {
      this.disarm(due);
      due.onTimeout();
    }
  }

  /** Everything fresh was armed before `nowMs`: counted from then, nothing is early. */
  #placeFresh(nowMs: number): void {
    const handMs = this.#nextTickMs - this.#tickMs;
    const passedMs = Math.max(0, nowMs - handMs);
    for (let entry = this.#heads[FRESH]; entry !== undefined; entry = this.#heads[FRESH]) {
      const ticks = Math.max(1, Math.ceil((entry.delayMs + passedMs) / this.#tickMs));
      this.#unlink(entry);
      entry.turns = Math.floor((ticks - 1) / SLOT_COUNT);
      this.#link(entry, (this.#hand + ticks) % SLOT_COUNT);
    }
  }
}
