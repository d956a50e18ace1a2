/**
 * A body that goes on as a budget of bytes allows, its own or one that it shares with others. What does not fit yet
 * waits here, and its source pauses.
 *
 *   source ── take ──> pending ── as the budget allows, by timer ──> sink
 */
import { RATE_LIMITED_PENDING_BYTES_MAX } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { type FaultOwner, guarded } from "../callback-faults.ts";
import { BUDGET_SLICE_MS, type ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";

/** Where the body goes, and its source. What it does with bytes may end the request, and release the body. */
export interface PacedBodySink {
  /** Returns false when it wants no more until `unblock`. */
  passBytes(bytes: Buffer, start: number, end: number): boolean;
  /** `isLate`: not from within `end`. */
  passEnd(trailers: HeaderBlock | undefined, isLate: boolean): void;
  /** The source, which `take` told to pause, may go on. */
  resumeSource(): void;
}

export class PacedBody {
  readonly #sink: PacedBodySink;
  readonly #budget: ByteBudget;
  readonly #services: FilterServices;
  readonly #entry: TimerEntry;
  /** Those before `#first` have gone on, and the first `#offset` bytes of that one. */
  readonly #pending: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #pendingBytes = 0;
  /** The sink wants no more. */
  #isBlocked = false;
  /** The source was told to pause. */
  #isPaused = false;
  /** Its end has come. */
  hasEnded = false;
  #trailers: HeaderBlock | undefined;
  /** Its end was passed on, or nobody wants it any more. */
  #isOver = false;

  constructor(
    sink: PacedBodySink,
    budget: ByteBudget,
    services: FilterServices,
    faults: FaultOwner,
  ) {
    this.#sink = sink;
    this.#budget = budget;
    this.#services = services;
    this.#entry = new TimerEntry(guarded(faults, () => this.#onSlice()));
    budget.enter();
  }

  /** Its end has come and waits behind bytes. */
  get isHolding(): boolean {
    return this.hasEnded && !this.#isOver;
  }

  /** Returns false when the source is to pause. */
  take(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    if (this.#pendingBytes === 0 && !this.#isBlocked) {
      at += this.#budget.take(end - start, this.#services.nowMs());
      if (at > start) this.#isBlocked = !this.#sink.passBytes(bytes, start, at);
    }
    // What it has passed on may have ended the request.
    if (at < end && !this.#isOver) {
      this.#pending.push(Buffer.from(bytes.subarray(at, end)));
      this.#pendingBytes += end - at;
      this.#armSlice();
    }
    return this.#settlePause();
  }

  end(trailers: HeaderBlock | undefined): void {
    this.hasEnded = true;
    if (this.#pendingBytes > 0) {
      this.#trailers = trailers === undefined ? undefined : copiedHeaders(trailers);
      return;
    }
    this.#isOver = true;
    this.#sink.passEnd(trailers, false);
  }

  /** The sink wants more. Returns whether the source may go on; it is not resumed from here. */
  unblock(): boolean {
    this.#isBlocked = false;
    this.#armSlice();
    return this.#settlePause();
  }

  /** Nothing is passed on any more. Called once. */
  release(): void {
    this.#isOver = true;
    this.#services.timers.disarm(this.#entry);
    this.#pending.length = 0;
    this.#pendingBytes = 0;
    this.#budget.leave();
  }

  #settlePause(): boolean {
    this.#isPaused = this.#isBlocked || this.#pendingBytes >= RATE_LIMITED_PENDING_BYTES_MAX;
    return !this.#isPaused;
  }

  #armSlice(): void {
    const isDue = this.#pendingBytes > 0 && !this.#isBlocked && !this.#entry.isArmed;
    if (isDue) this.#services.timers.arm(this.#entry, BUDGET_SLICE_MS);
  }

  #onSlice(): void {
    if (this.#isOver || this.#isBlocked) return;
    let allowed = this.#budget.take(this.#pendingBytes, this.#services.nowMs());
    while (allowed > 0 && !this.#isBlocked) {
      allowed -= this.#passPending(allowed);
      if (this.#isOver) return;
    }
    this.#budget.giveBack(allowed);
    if (this.#pendingBytes === 0 && this.hasEnded) {
      this.#isOver = true;
      this.#sink.passEnd(this.#trailers, true);
      return;
    }
    this.#armSlice();
    const hasRoom = this.#pendingBytes < RATE_LIMITED_PENDING_BYTES_MAX / 2 && !this.#isBlocked;
    if (!this.#isPaused || !hasRoom || this.hasEnded) return;
    this.#isPaused = false;
    this.#sink.resumeSource();
  }

  /** Returns how many bytes went on, of at most so many. */
  #passPending(bytesMax: number): number {
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
    this.#isBlocked = !this.#sink.passBytes(chunk, start, end);
    return end - start;
  }
}
