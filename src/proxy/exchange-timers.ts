/** The time limits of one exchange. Made once per downstream stream and armed anew for each request. */
import { TimerEntry } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyTimers } from "./http-server.ts";

export interface ExchangeTimerHandler extends FaultOwner {
  /** The route's time for the whole response is over. */
  onResponseTimeout(): void;
  /** The route's time for a single try is over. */
  onTryTimeout(): void;
  /** The pause before the next try is over. */
  onRetryDue(): void;
  /** Called at the idle limit whether or not bytes moved meanwhile. */
  onIdleCheck(): void;
}

export class ExchangeTimers {
  readonly #timers: ProxyTimers;
  readonly #response: TimerEntry;
  readonly #try: TimerEntry;
  readonly #retry: TimerEntry;
  readonly #idle: TimerEntry;

  constructor(timers: ProxyTimers, handler: ExchangeTimerHandler) {
    this.#timers = timers;
    this.#response = new TimerEntry(guarded(handler, () => handler.onResponseTimeout()));
    this.#try = new TimerEntry(guarded(handler, () => handler.onTryTimeout()));
    this.#retry = new TimerEntry(guarded(handler, () => handler.onRetryDue()));
    this.#idle = new TimerEntry(guarded(handler, () => handler.onIdleCheck()));
  }

  /** In all of these, 0 milliseconds mean no limit. */
  armResponse(ms: number): void {
    if (ms > 0) this.#timers.request.arm(this.#response, ms);
  }

  armTry(ms: number): void {
    if (ms > 0) this.#timers.request.arm(this.#try, ms);
  }

  disarmTry(): void {
    this.#timers.request.disarm(this.#try);
  }

  armRetry(ms: number): void {
    this.#timers.request.arm(this.#retry, ms);
  }

  disarmRetry(): void {
    this.#timers.request.disarm(this.#retry);
  }

  armIdle(ms: number): void {
    if (ms > 0) this.#timers.idle.arm(this.#idle, ms);
  }

  disarmAll(): void {
    const { request, idle } = this.#timers;
    request.disarm(this.#response);
    request.disarm(this.#try);
    request.disarm(this.#retry);
    idle.disarm(this.#idle);
  }
}
