/**
 * Gives memory back whenever the proxy has been idle for a while after being busy, starting included.
 * Collecting takes some ten milliseconds, which is why it waits for a quiet moment.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { trimMemory } from "../core/trim-memory.ts";
import type { DataPlane } from "./data-plane.ts";

/** Starting allocates several times what stays, so the first check comes soon. */
const FIRST_CHECK_MS = 1_000;
const CHECK_INTERVAL_MS = 5_000;
/** Checks in a row without a request after which the memory is given back. */
const QUIET_CHECKS = 2;

export class IdleTrim {
  readonly #clock: Clock;
  readonly #dataPlane: DataPlane;
  #timer: Timer | undefined;
  #requestsSeen = 0;
  #quietChecks = QUIET_CHECKS - 1;

  constructor(clock: Clock, dataPlane: DataPlane) {
    this.#clock = clock;
    this.#dataPlane = dataPlane;
  }

  start(): void {
    this.#scheduleCheck(FIRST_CHECK_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const requests = this.#dataPlane.requestsTotal;
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
