/** The pause before the next try of a call. Made for the first request that waits for one. */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";

export interface RetryTimerHandler extends FaultOwner {
  onRetryDue(): void;
}

export class RetryTimer {
  readonly #wheel: TimerWheel;
  readonly #handler: RetryTimerHandler;
  #entry: TimerEntry | undefined;

  constructor(wheel: TimerWheel, handler: RetryTimerHandler) {
    this.#wheel = wheel;
    this.#handler = handler;
  }

  get isArmed(): boolean {
    return this.#entry?.isArmed ?? false;
  }

  arm(ms: number): void {
    const handler = this.#handler;
    this.#entry ??= new TimerEntry(guarded(handler, () => handler.onRetryDue()));
    this.#wheel.arm(this.#entry, ms);
  }

  disarm(): void {
    if (this.#entry !== undefined) this.#wheel.disarm(this.#entry);
  }
}
