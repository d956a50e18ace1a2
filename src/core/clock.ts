/** Time is passed in everywhere, so that tests decide what time it is and never sleep. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. For certificates and logs. */
  nowMs(): number;
  /** Monotonic milliseconds with fractions. For durations. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`. A timer never keeps the process alive by itself. */
  schedule(delayMs: number, callback: () => void): Timer;
}

/** Delays above this overflow the runtime's 32-bit timer and would fire at once. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

/** The global of this name is a getter. */
const { performance } = globalThis;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), TIMER_DELAY_MS_MAX));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A clock that moves only when a test says so. */
export class ManualClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Moves both clocks on, running timers that fall due in order, those they start included. */
  advance(ms: number): void {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers.delete(next);
      this.#step(next.dueMs - this.#elapsedMs);
      next.callback();
    }
    this.#step(endMs - this.#elapsedMs);
  }

  /** Timers that have not run yet. */
  get pendingCount(): number {
    return this.#timers.size;
  }

  #step(ms: number): void {
    this.#elapsedMs += ms;
    this.#nowMs += ms;
  }
}
