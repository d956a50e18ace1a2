/**
 * The time limits of one exchange. Made once per downstream stream and used for each of its requests. The
 * limits that every request has stay armed when one ends: whether they still mean anything is looked up
 * when they fire, so that most requests touch no timer at all.
 */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
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

/** A limit of which nothing is armed, or nothing that still means anything. */
const NEVER_MS = -1;

/**
 * One limit: when it is over, and a timer that fires then or before. Milliseconds are whole ones here, which stand
 * in the object itself; others are objects of their own.
 */
class Deadline {
  readonly #wheel: TimerWheel;
  readonly #entry: TimerEntry;
  /** Monotonic milliseconds. */
  dueMs = NEVER_MS;
  /** Of the timer, or NEVER_MS while it is not armed. */
  #firesMs = NEVER_MS;

  constructor(wheel: TimerWheel, onTimeout: () => void) {
    this.#wheel = wheel;
    this.#entry = new TimerEntry(onTimeout);
  }

  set(ms: number, nowMs: number): void {
    this.dueMs = Math.ceil(nowMs + ms);
    if (this.#firesMs !== NEVER_MS && this.#firesMs <= this.dueMs) return;
    this.#wheel.arm(this.#entry, this.dueMs - nowMs);
    this.#firesMs = this.dueMs;
  }

  /** For the timer, which has fired: whether the limit is over. If not yet, the timer is armed for the rest. */
  isOver(nowMs: number): boolean {
    this.#firesMs = NEVER_MS;
    if (this.dueMs === NEVER_MS) return false;
    if (nowMs >= this.dueMs) return true;
    this.set(this.dueMs - nowMs, nowMs);
    return false;
  }

  clear(): void {
    this.dueMs = NEVER_MS;
  }

  release(): void {
    this.dueMs = NEVER_MS;
    this.#firesMs = NEVER_MS;
    this.#wheel.disarm(this.#entry);
  }
}

export class ExchangeTimers {
  readonly #handler: ExchangeTimerHandler;
  readonly #wire: WireBytes;
  readonly #nowMs: () => number;
  readonly #response: Deadline;
  readonly #idle: Deadline;
  readonly #wheel: TimerWheel;
  /** Made for the first request that has such a limit. */
  #stream: Deadline | undefined;
  #idleMs = 0;
  #bytesWhenArmed = 0;

  constructor(
    timers: ProxyTimers,
    handler: ExchangeTimerHandler,
    wire: WireBytes,
    nowMs: () => number,
  ) {
    this.#wire = wire;
    this.#handler = handler;
    this.#nowMs = nowMs;
    this.#wheel = timers.request;
    this.#response = new Deadline(
      timers.request,
      guarded(handler, () => this.#checkResponse()),
    );
    this.#idle = new Deadline(
      timers.idle,
      guarded(handler, () => this.#checkIdle()),
    );
  }

  /** In all of these, 0 milliseconds mean no limit. */
  armResponse(ms: number, nowMs: number): void {
    if (ms > 0) this.#response.set(ms, nowMs);
  }

  /** For a limit above 0. */
  armStream(ms: number, nowMs: number): void {
    this.#stream ??= new Deadline(
      this.#wheel,
      guarded(this.#handler, () => this.#checkStream()),
    );
    this.#stream.set(ms, nowMs);
  }

  disarmResponse(): void {
    this.#response.clear();
  }

  /** Bytes that move do not touch the timer: whether any did is looked up when it fires. */
  armIdle(ms: number, nowMs: number): void {
    this.#idleMs = ms;
    this.#bytesWhenArmed = this.#bytesSoFar();
    if (ms > 0) this.#idle.set(ms, nowMs);
    else this.#idle.clear();
  }

  /** The request is over. */
  disarmAll(): void {
    this.#response.clear();
    this.#idle.clear();
    this.#stream?.clear();
  }

  /** No request will come: nothing is to hold on to the exchange. */
  release(): void {
    this.#response.release();
    this.#idle.release();
    this.#stream?.release();
  }

  #bytesSoFar(): number {
    return this.#wire.requestBytes + this.#wire.responseBytes;
  }

  #checkResponse(): void {
    if (!this.#response.isOver(this.#nowMs())) return;
    this.#response.clear();
    this.#handler.onResponseTimeout();
  }

  #checkStream(): void {
    if (!this.#stream!.isOver(this.#nowMs())) return;
    this.#stream!.clear();
    this.#handler.onStreamDuration();
  }

  #checkIdle(): void {
    const nowMs = this.#nowMs();
    if (!this.#idle.isOver(nowMs)) return;
    this.#idle.clear();
    if (this.#bytesSoFar() === this.#bytesWhenArmed) this.#handler.onIdle();
    else this.armIdle(this.#idleMs, nowMs);
  }
}
