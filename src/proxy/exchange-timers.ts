/** The time limits of one exchange. Made once per downstream stream and armed anew for each request. */
import { TimerEntry } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { WireBytes } from "./request-outcome.ts";

export interface ExchangeTimerHandler extends FaultOwner {
  /** The route's time for the whole response is over. */
  onResponseTimeout(): void;
  /** The route's time for a single try is over. */
  onTryTimeout(): void;
  /** The pause before the next try is over. */
  onRetryDue(): void;
  /** No byte has moved for as long as the idle limit. */
  onIdle(): void;
}

export class ExchangeTimers {
  readonly #timers: ProxyTimers;
  readonly #handler: ExchangeTimerHandler;
  readonly #wire: WireBytes;
  readonly #response: TimerEntry;
  readonly #idle: TimerEntry;
  /** Made when a route has use for them: most have none, and every idle connection holds its exchange. */
  #try: TimerEntry | undefined;
  #retry: TimerEntry | undefined;
  #idleMs = 0;
  #bytesWhenArmed = 0;

  constructor(timers: ProxyTimers, handler: ExchangeTimerHandler, wire: WireBytes) {
    this.#wire = wire;
    this.#timers = timers;
    this.#handler = handler;
    this.#response = new TimerEntry(guarded(handler, () => handler.onResponseTimeout()));
    this.#idle = new TimerEntry(guarded(handler, () => this.#checkIdle()));
  }

  /** In all of these, 0 milliseconds mean no limit. */
  armResponse(ms: number): void {
    if (ms > 0) this.#timers.request.arm(this.#response, ms);
  }

  disarmResponse(): void {
    this.#timers.request.disarm(this.#response);
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

  /** Bytes that move do not touch the timer: whether any did is looked up when it fires. */
  armIdle(ms: number): void {
    this.#idleMs = ms;
    this.#bytesWhenArmed = this.#bytesSoFar;
    if (ms > 0) this.#timers.idle.arm(this.#idle, ms);
    else this.#timers.idle.disarm(this.#idle);
  }

  disarmAll(): void {
    this.disarmResponse();
    this.disarmTry();
    this.disarmRetry();
    this.#timers.idle.disarm(this.#idle);
  }

  get #bytesSoFar(): number {
    return this.#wire.requestBytes + this.#wire.responseBytes;
  }

  #checkIdle(): void {
    if (this.#bytesSoFar === this.#bytesWhenArmed) this.#handler.onIdle();
    else this.armIdle(this.#idleMs);
  }
}
