/** The time limits of one try. All of them are above 0 milliseconds. */
import { TimerEntry } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyTimers } from "./http-server.ts";

export interface TryTimerHandler extends FaultOwner {
  /** The route's time for a single try is over. */
  onTryTimeout(): void;
  /** The try was silent for as long as the route allows. */
  onTryIdle(): void;
  /** The cluster's time for a stream is over. */
  onStreamDuration(): void;
}

export class TryTimers {
  readonly #timers: ProxyTimers;
  readonly #handler: TryTimerHandler;
  #try: TimerEntry | undefined;
  #idle: TimerEntry | undefined;
  #stream: TimerEntry | undefined;

  constructor(timers: ProxyTimers, handler: TryTimerHandler) {
    this.#timers = timers;
    this.#handler = handler;
  }

  armTry(ms: number): void {
    const handler = this.#handler;
    this.#try ??= new TimerEntry(guarded(handler, () => handler.onTryTimeout()));
    this.#timers.request.arm(this.#try, ms);
  }

  /** Begins anew when it runs. */
  armIdle(ms: number): void {
    const handler = this.#handler;
    this.#idle ??= new TimerEntry(guarded(handler, () => handler.onTryIdle()));
    this.#timers.request.arm(this.#idle, ms);
  }

  armStream(ms: number): void {
    const handler = this.#handler;
    this.#stream ??= new TimerEntry(guarded(handler, () => handler.onStreamDuration()));
    this.#timers.request.arm(this.#stream, ms);
  }

  /** An answer has begun: only the stream as a whole is still limited. */
  disarmTry(): void {
    if (this.#try !== undefined) this.#timers.request.disarm(this.#try);
    if (this.#idle !== undefined) this.#timers.request.disarm(this.#idle);
  }

  disarm(): void {
    this.disarmTry();
    if (this.#stream !== undefined) this.#timers.request.disarm(this.#stream);
  }
}
