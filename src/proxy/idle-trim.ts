/**
 * Gives memory back whenever the proxy has been idle for a while after being busy, starting included.
 * Collecting takes some ten milliseconds, which is why it waits for a quiet moment.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { trimMemory } from "../core/trim-memory.ts";

/** Starting allocates several times what stays, so the first check comes soon. */
const FIRST_CHECK_MS = 1_000;
const CHECK_INTERVAL_MS = 5_000;
/** Checks in a row without a request after which the memory is given back. */
const QUIET_CHECKS = 2;

/** What tells whether the process is idle. */
export interface RequestCount {
  readonly requestsTotal: number;
}

export class IdleTrim {
  readonly #clock: Clock;
  readonly #work: RequestCount;
  #timer: Timer | undefined;
  #requestsSeen = 0;
  #quietChecks = QUIET_CHECKS - 1;

  constructor(clock: Clock, work: RequestCount) {
    this.#clock = clock;
    this.#work = work;
  }

  start(): void {
    this.#scheduleCheck(FIRST_CHECK_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const requests = this.#work.requestsTotal;
    if (requests !== this.#requestsSeen) {
      this.#requestsSeen = requests;
      this.#quietChecks = 0;
    } else {
      this.#quietChecks += 1;
      if (this.#quietChecks === QUIET_CHECKS) trimMemory();
    }
    this.#scheduleCheck(CHECK_INTERVAL_MS);
  }

  #scheduleCheck(delayMs: number): void {
    this.#timer = this.#clock.schedule(delayMs, () => this.#check());
  }
}
