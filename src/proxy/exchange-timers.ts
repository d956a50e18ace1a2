/**
 * The time limits of one exchange. Made once per downstream stream and used for each of its requests. The
 * limits that every request has stay armed when one ends: whether they still mean anything is looked up
 * when they fire, so that most requests touch no timer at all, and nothing of theirs but this object. Its
 * milliseconds are whole ones, which stand in the object itself; others are objects of their own.
 */
import { TimerEntry } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { WireBytes } from "./request-outcome.ts";

export interface ExchangeTimerHandler extends FaultOwner {
  /** The route's time for the whole response is over. */
  onResponseTimeout(): void;
  /** The time for the stream as a whole is over. */
  onStreamDuration(): void;
  /** No byte has moved for as long as the idle limit. */
  onIdle(): void;
}

/** Of a limit: there is none. Of a timer: it is not armed. */
const NEVER_MS = -1;

export class ExchangeTimers {
  readonly #handler: ExchangeTimerHandler;
  readonly #wire: WireBytes;
  readonly #timers: ProxyTimers;
  readonly #nowMs: () => number;
  /** When the limits are over, and when their timers fire, which is then or before. Monotonic milliseconds. */
  #responseDueMs = NEVER_MS;
  #responseFiresMs = NEVER_MS;
  #idleDueMs = NEVER_MS;
  #idleFiresMs = NEVER_MS;
  #idleMs = 0;
  #bytesWhenArmed = 0;
  readonly #response: TimerEntry;
  readonly #idle: TimerEntry;
  /** Made for the first request that has such a limit. */
  #stream: TimerEntry | undefined;

  constructor(
    timers: ProxyTimers,
    handler: ExchangeTimerHandler,
    wire: WireBytes,
    nowMs: () => number,
  ) {
    this.#timers = timers;
    this.#wire = wire;
    this.#handler = handler;
    this.#nowMs = nowMs;
    this.#response = new TimerEntry(guarded(handler, () => this.#checkResponse()));
    this.#idle = new TimerEntry(guarded(handler, () => this.#checkIdle()));
  }

  /** Here and for `armIdle`, 0 milliseconds mean no limit. */
  armResponse(ms: number, nowMs: number): void {
    if (ms === 0) {
      this.#responseDueMs = NEVER_MS;
      return;
    }
    this.#responseDueMs = Math.ceil(nowMs + ms);
    this.#awaitResponse(nowMs);
  }

  /** For a limit above 0. */
  armStream(ms: number): void {
    const handler = this.#handler;
    this.#stream ??= new TimerEntry(guarded(handler, () => handler.onStreamDuration()));
    this.#timers.request.arm(this.#stream, ms);
  }

  disarmResponse(): void {
    this.#responseDueMs = NEVER_MS;
  }

  /** Bytes that move do not touch the timer: whether any did is looked up when it fires. */
  armIdle(ms: number, nowMs: number): void {
    this.#idleMs = ms;
    this.#bytesWhenArmed = this.#bytesSoFar();
    if (ms === 0) {
      this.#idleDueMs = NEVER_MS;
      return;
    }
    this.#idleDueMs = Math.ceil(nowMs + ms);
    this.#awaitIdle(nowMs);
  }

  /** The request is over. */
  disarmAll(): void {
    this.#responseDueMs = NEVER_MS;
    this.#idleDueMs = NEVER_MS;
    if (this.#stream !== undefined) this.#timers.request.disarm(this.#stream);
  }

  /** No request will come: nothing is to hold on to the exchange. */
  release(): void {
    this.disarmAll();
    this.#responseFiresMs = NEVER_MS;
    this.#timers.request.disarm(this.#response);
    this.#idleFiresMs = NEVER_MS;
    this.#timers.idle.disarm(this.#idle);
  }

  #bytesSoFar(): number {
    return this.#wire.requestBytes + this.#wire.responseBytes;
  }

  #awaitResponse(nowMs: number): void {
    if (isInTime(this.#responseFiresMs, this.#responseDueMs)) return;
    this.#responseFiresMs = this.#responseDueMs;
    this.#timers.request.arm(this.#response, this.#responseDueMs - nowMs);
  }

  #awaitIdle(nowMs: number): void {
    if (isInTime(this.#idleFiresMs, this.#idleDueMs)) return;
    this.#idleFiresMs = this.#idleDueMs;
    this.#timers.idle.arm(this.#idle, this.#idleDueMs - nowMs);
  }

  #checkResponse(): void {
    this.#responseFiresMs = NEVER_MS;
    if (this.#responseDueMs === NEVER_MS) return;
    const nowMs = this.#nowMs();
    if (nowMs < this.#responseDueMs) this.#awaitResponse(nowMs);
    else {
      this.#responseDueMs = NEVER_MS;
      this.#handler.onResponseTimeout();
    }
  }

  #checkIdle(): void {
    this.#idleFiresMs = NEVER_MS;
    if (this.#idleDueMs === NEVER_MS) return;
    const nowMs = this.#nowMs();
    if (nowMs < this.#idleDueMs) this.#awaitIdle(nowMs);
    else if (this.#bytesSoFar() === this.#bytesWhenArmed) {
      this.#idleDueMs = NEVER_MS;
      this.#handler.onIdle();
    } else this.armIdle(this.#idleMs, nowMs);
  }
}

/** Whether a timer fires, and not behind the limit. */
function isInTime(firesMs: number, dueMs: number): boolean {
  return firesMs !== NEVER_MS && firesMs <= dueMs;
}
