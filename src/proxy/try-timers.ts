/** The time limits of the tries of one upstream call. Made when a route has use for them: most requests have none. */
import { TimerEntry } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyTimers } from "./http-server.ts";

export interface TryTimerHandler extends FaultOwner {
  /** The route's time for a single try is over. */
  onTryTimeout(): void;
  /** The pause before the next try is over. */
  onRetryDue(): void;
}

export class TryTimers {
  readonly #timers: ProxyTimers;
  readonly #handler: TryTimerHandler;
  #try: TimerEntry | undefined;
  #retry: TimerEntry | undefined;

  constructor(timers: ProxyTimers, handler: TryTimerHandler) {
    this.#timers = timers;
    this.#handler = handler;
  }

  /** 0 milliseconds mean no limit. */
  armTry(ms: number): void {
    if (ms === 0) return;
    const handler = this.#handler;
    this.#try ??= new TimerEntry(guarded(handler, () => handler.onTryTimeout()));
    this.#timers.request.arm(this.#try, ms);
  }

  armRetry(ms: number): void {
    const handler = this.#handler;
    this.#retry ??= new TimerEntry(guarded(handler, () => handler.onRetryDue()));
    this.#timers.request.arm(this.#retry, ms);
  }

  disarm(): void {
    if (this.#try !== undefined) this.#timers.request.disarm(this.#try);
    if (this.#retry !== undefined) this.#timers.request.disarm(this.#retry);
  }
}
