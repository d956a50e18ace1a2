/**
 * A stream whose body leaves as a budget of bytes allows, its own or one that it shares with others. What does not
 * fit yet waits here, and its source pauses.
 *
 *   exchange ── sendBody ──> pending ── as the budget allows, by timer ──> stream behind
 */

import { RATE_LIMITED_PENDING_BYTES_MAX } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { guarded } from "../callback-faults.ts";
import type { ServerStream } from "../stream.ts";
import { BUDGET_SLICE_MS, type ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, HoldingStream } from "./http-filter.ts";
import { PassingStream } from "./passing-stream.ts";

export class RateLimitedStream extends PassingStream implements HoldingStream {
  readonly #call: FilterCall;
  readonly #budget: ByteBudget;
  readonly #services: FilterServices;
  readonly #onOver: () => void;
  readonly #entry: TimerEntry;
  /** Those before `#first` have left, and the first `#offset` bytes of that one. */
  readonly #pending: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #pendingBytes = 0;
  /** The stream behind wants no more. */
  #isBlocked = false;
  /** The source was told to pause. */
  #isPaused = false;
  #hasEnded = false;
  #trailers: HeaderBlock | undefined;
  /** The end was handed on, or the request is over. */
  #isOver = false;

  /** `onOver` is called once, when the request is over. */
  constructor(
    next: ServerStream,
    call: FilterCall,
    budget: ByteBudget,
    services: FilterServices,
    onOver: () => void,
  ) {
    super(next);
    this.#call = call;
    this.#budget = budget;
    this.#services = services;
    this.#onOver = onOver;
    this.#entry = new TimerEntry(guarded(call.faults, () => this.#onSlice()));
    budget.enter();
  }

  get isHolding(): boolean {
    return this.#hasEnded && !this.#isOver;
  }

  override sendBody(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    if (this.#pendingBytes === 0 && !this.#isBlocked) {
      at += this.#budget.take(end - start, this.#services.nowMs());
      if (at > start) this.#isBlocked = !this.next.sendBody(bytes, start, at);
    }
    if (at < end) {
      this.#pending.push(Buffer.from(bytes.subarray(at, end)));
      this.#pendingBytes += end - at;
      this.#armSlice();
    }
    this.#isPaused = this.#isBlocked || this.#pendingBytes >= RATE_LIMITED_PENDING_BYTES_MAX;
    return !this.#isPaused;
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#pendingBytes === 0) {
      this.#isOver = true;
      this.next.sendEnd(trailers);
      return;
    }
    this.#hasEnded = true;
    this.#trailers = trailers === undefined ? undefined : copiedHeaders(trailers);
  }

  onDrain(): boolean {
    this.#isBlocked = false;
    this.#armSlice();
    this.#isPaused = this.#pendingBytes >= RATE_LIMITED_PENDING_BYTES_MAX;
    return !this.#isPaused;
  }

  release(): void {
    this.#isOver = true;
    this.#services.timers.disarm(this.#entry);
    this.#pending.length = 0;
    this.#budget.leave();
    this.#onOver();
  }

  #armSlice(): void {
    const isDue = this.#pendingBytes > 0 && !this.#isBlocked && !this.#entry.isArmed;
    if (isDue) this.#services.timers.arm(this.#entry, BUDGET_SLICE_MS);
  }

  #onSlice(): void {
    if (this.#isOver || this.#isBlocked) return;
    let allowed = this.#budget.take(this.#pendingBytes, this.#services.nowMs());
    while (allowed > 0 && !this.#isBlocked) allowed -= this.#sendPending(allowed);
    this.#budget.giveBack(allowed);
    if (this.#pendingBytes === 0 && this.#hasEnded) {
      this.#handOnEnd();
      return;
    }
    this.#armSlice();
    const hasRoom = this.#pendingBytes < RATE_LIMITED_PENDING_BYTES_MAX / 2 && !this.#isBlocked;
    if (!this.#isPaused || !hasRoom) return;
    this.#isPaused = false;
    this.#call.resumeAnswer(this);
  }

  /** Returns how many bytes left, of at most so many. */
  #sendPending(bytesMax: number): number {
    const chunk = this.#pending[this.#first]!;
    const start = this.#offset;
    const end = Math.min(chunk.length, start + bytesMax);
    this.#pendingBytes -= end - start;
    this.#offset = end;
    if (end === chunk.length) {
      this.#offset = 0;
      this.#first += 1;
      if (this.#first === this.#pending.length) {
        this.#pending.length = 0;
        this.#first = 0;
      }
    }
    this.#isBlocked = !this.next.sendBody(chunk, start, end);
    return end - start;
  }

  #handOnEnd(): void {
    this.#isOver = true;
    this.next.sendEnd(this.#trailers);
    this.#call.onAnswerSent();
  }
}
