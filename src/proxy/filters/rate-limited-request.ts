/**
 * The body of a request that goes on as a budget of bytes allows. What does not fit yet waits here, and its client
 * pauses. RateLimitedStream does the same for answers.
 *
 *   codec ── take ──> pending ── as the budget allows, by timer ──> exchange
 */
import { RATE_LIMITED_PENDING_BYTES_MAX } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { guarded } from "../callback-faults.ts";
import { BUDGET_SLICE_MS, type ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, RequestPacer, RequestPath } from "./http-filter.ts";

export class RateLimitedRequest implements RequestPacer {
  readonly #path: RequestPath;
  readonly #budget: ByteBudget;
  readonly #services: FilterServices;
  readonly #entry: TimerEntry;
  /** Those before `#first` have gone on, and the first `#offset` bytes of that one. */
  readonly #pending: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #pendingBytes = 0;
  /** The request's way wants no more. */
  #isBlocked = false;
  /** The client was told to pause. */
  #isPaused = false;
  #hasEnded = false;
  #trailers: HeaderBlock | undefined;
  #isOver = false;

  constructor(path: RequestPath, call: FilterCall, budget: ByteBudget, services: FilterServices) {
    this.#path = path;
    this.#budget = budget;
    this.#services = services;
    this.#entry = new TimerEntry(guarded(call.faults, () => this.#onSlice()));
    budget.enter();
  }

  take(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    if (this.#pendingBytes === 0 && !this.#isBlocked) {
      at += this.#budget.take(end - start, this.#services.nowMs());
      if (at > start) this.#isBlocked = !this.#path.next.take(bytes, start, at);
    }
    // What it has passed on may have ended the request.
    if (at < end && !this.#isOver) {
      this.#pending.push(Buffer.from(bytes.subarray(at, end)));
      this.#pendingBytes += end - at;
      this.#armSlice();
    }
    this.#isPaused = this.#isBlocked || this.#pendingBytes >= RATE_LIMITED_PENDING_BYTES_MAX;
    return !this.#isPaused;
  }

  takeEnd(trailers: HeaderBlock | undefined): void {
    this.#hasEnded = true;
    if (this.#pendingBytes === 0) this.#path.next.takeEnd(trailers);
    else this.#trailers = trailers === undefined ? undefined : copiedHeaders(trailers);
  }

  onRoom(): void {
    this.#isBlocked = false;
    this.#armSlice();
    this.#resume();
  }

  release(): void {
    this.#isOver = true;
    this.#services.timers.disarm(this.#entry);
    this.#pending.length = 0;
    this.#pendingBytes = 0;
    this.#budget.leave();
  }

  #armSlice(): void {
    const isDue = this.#pendingBytes > 0 && !this.#isBlocked && !this.#entry.isArmed;
    if (isDue) this.#services.timers.arm(this.#entry, BUDGET_SLICE_MS);
  }

  #onSlice(): void {
    if (this.#isBlocked) return;
    let allowed = this.#budget.take(this.#pendingBytes, this.#services.nowMs());
    while (allowed > 0 && !this.#isBlocked) {
      allowed -= this.#passPending(allowed);
      if (this.#isOver) return;
    }
    this.#budget.giveBack(allowed);
    if (this.#pendingBytes === 0 && this.#hasEnded) {
      this.#path.next.takeEnd(this.#trailers);
      return;
    }
    this.#armSlice();
    this.#resume();
  }

  #resume(): void {
    const hasRoom = this.#pendingBytes < RATE_LIMITED_PENDING_BYTES_MAX / 2 && !this.#isBlocked;
    if (!this.#isPaused || !hasRoom || this.#hasEnded) return;
    this.#isPaused = false;
    this.#path.resume();
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
    this.#isBlocked = !this.#path.next.take(chunk, start, end);
    return end - start;
  }
}
