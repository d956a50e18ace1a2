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
  readonly #handler: ExchangeTimerHandler;
  readonly #response: TimerEntry;
  readonly #idle: TimerEntry;
  /** Made when a route has use for them: most have none, and every idle connection holds its exchange. */
  #try: TimerEntry | undefined;
  #retry: TimerEntry | undefined;

  constructor(timers: ProxyTimers, handler: ExchangeTimerHandler) {
    this.#timers = timers;
    this.#handler = handler;
    this.#response = new TimerEntry(guarded(handler, () => handler.onResponseTimeout()));
    this.#idle = new TimerEntry(guarded(handler, () => handler.onIdleCheck()));
  }

  /** In all of these, 0 milliseconds mean no limit. */
  armResponse(ms: number): void {
    if (ms > 0) this.#timers.request.arm(this.#response, ms);
  }

  armTry(ms: number): void {
    if (ms === 0) return;
    const handler = this.#handler;
    this.#try ??= new TimerEntry(guarded(handler, () => handler.onTryTimeout()));
    this.#timers.request.arm(this.#try, ms);
  }

  disarmTry(): void {
    if (this.#try !== undefined) this.#timers.request.disarm(this.#try);
  }

  armRetry(ms: number): void {
    const handler = this.#handler;
    this.#retry ??= new TimerEntry(guarded(handler, () => handler.onRetryDue()));
    this.#timers.request.arm(this.#retry, ms);
  }

  disarmRetry(): void {
    if (this.#retry !== undefined) this.#timers.request.disarm(this.#retry);
  }

  armIdle(ms: number): void {
    if (ms > 0) this.#timers.idle.arm(this.#idle, ms);
  }

  disarmAll(): void {
    this.#timers.request.disarm(this.#response);
    this.disarmTry();
    this.disarmRetry();
    this.#timers.idle.disarm(this.#idle);
  }
}
