/** The pause before the next try of a call. */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";

export interface RetryTimerHandler extends FaultOwner {
  onRetryDue(): void;
}

export class RetryTimer {
  readonly #wheel: TimerWheel;
  readonly #entry: TimerEntry;

  constructor(wheel: TimerWheel, handler: RetryTimerHandler) {
    this.#wheel = wheel;
    this.#entry = new TimerEntry(guarded(handler, () => handler.onRetryDue()));
  }

  get isArmed(): boolean {
    return this.#entry.isArmed;
  }

  arm(ms: number): void {
    this.#wheel.arm(this.#entry, ms);
  }

  disarm(): void {
    this.#wheel.disarm(this.#entry);
  }
}
