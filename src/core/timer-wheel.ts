/**
 * Timeouts of the data path: thousands of them, armed and disarmed per request, nearly none of which
 * fire. One runtime timer ticks for all; arming is a list insertion. A timeout fires up to one tick
 * late, never early. The wheel stops ticking when nothing is armed.
 *
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
  slot = -1;
  turns = 0;
  /** Taken off the wheel to fire in this tick; disarming until then still stops it. */
  isDue = false;

  constructor(onTimeout: () => void) {
    this.onTimeout = onTimeout;
  }

  get isArmed(): boolean {
    return this.slot >= 0;
  }
}

const SLOT_COUNT = 1024;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: (TimerEntry | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
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

  /** Arms or re-arms. `delayMs` is rounded up to whole ticks plus one, so that it is never early. */
  arm(entry: TimerEntry, delayMs: number): void {
    this.disarm(entry);
    if (this.#timer === undefined) this.#start();
    const ticks = Math.max(1, Math.ceil(delayMs / this.#tickMs) + 1);
    entry.slot = (this.#hand + ticks) % SLOT_COUNT;
    entry.turns = Math.floor((ticks - 1) / SLOT_COUNT);
    const head = this.#slots[entry.slot];
    entry.next = head;
    entry.previous = undefined;
    if (head !== undefined) head.previous = entry;
    this.#slots[entry.slot] = entry;
    this.#armedCount += 1;
  }

  /** Does nothing when the entry is not armed. */
  disarm(entry: TimerEntry): void {
    entry.isDue = false;
    if (entry.slot < 0) return;
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else this.#slots[entry.slot] = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.next = undefined;
    entry.previous = undefined;
    entry.slot = -1;
    this.#armedCount -= 1;
  }

  #start(): void {
    this.#nextTickMs = this.#clock.monotonicMs() + this.#tickMs;
    this.#timer = this.#clock.schedule(this.#tickMs, this.#onTick);
  }

  readonly #onTick = (): void => {
    const nowMs = this.#clock.monotonicMs();
    // A process that was held up catches up, at most one turn.
    for (let i = 0; i < SLOT_COUNT && this.#nextTickMs <= nowMs + 1; i++) {
      this.#nextTickMs += this.#tickMs;
      this.#turn();
    }
    if (this.#nextTickMs <= nowMs) this.#nextTickMs = nowMs + this.#tickMs;
    this.#timer =
      this.#armedCount === 0
        ? undefined
        : this.#clock.schedule(this.#nextTickMs - nowMs, this.#onTick);
  };

  #turn(): void {
    this.#hand = (this.#hand + 1) % SLOT_COUNT;
    const due: TimerEntry[] = [];
    let entry = this.#slots[this.#hand];
    while (entry !== undefined) {
      const next: TimerEntry | undefined = entry.next;
      if (entry.turns > 0) {
        entry.turns -= 1;
      } else {
        this.disarm(entry);
        entry.isDue = true;
        due.push(entry);
      }
      entry = next;
    }
    for (const expired of due) {
      // One that fired before may have disarmed or re-armed this one.
      if (!expired.isDue) continue;
      expired.isDue = false;
      expired.onTimeout();
    }
  }
}
