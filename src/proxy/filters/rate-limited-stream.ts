/**
 * A stream whose body leaves at so many bytes a second. What does not fit yet waits here, and its source pauses. The
 * budget grows with time and is bounded, so that a pause of the source does not become a burst.
 *
 *   exchange ── sendBody ──> pending ── as the budget allows, by timer ──> stream behind
 */

import { RATE_LIMITED_PENDING_BYTES_MAX } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { guarded } from "../callback-faults.ts";
import type { DownstreamConnection } from "../downstream-connection.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, HoldingStream } from "./http-filter.ts";

/** As often as Envoy's. */
const SLICE_MS = 50;
/** A timer may be late by two of its ticks: what it missed is made up for, and no more. */
const BUDGET_MS_MAX = 2 * SLICE_MS;

export class RateLimitedStream implements HoldingStream {
  readonly #next: ServerStream;
  readonly #call: FilterCall;
  readonly #bytesPerMs: number;
  readonly #services: FilterServices;
  readonly #onOver: () => void;
  readonly #entry: TimerEntry;
  /** Those before `#first` have left, and the first `#offset` bytes of that one. */
  readonly #pending: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #pendingBytes = 0;
  /** Bytes that may leave at `#countedMs`. */
  #budget: number;
  #countedMs: number;
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
    bytesPerSecond: number,
    services: FilterServices,
    onOver: () => void,
  ) {
    this.#next = next;
    this.#call = call;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#services = services;
    this.#onOver = onOver;
    this.#entry = new TimerEntry(guarded(call.faults, () => this.#onSlice()));
    this.#budget = SLICE_MS * this.#bytesPerMs;
    this.#countedMs = services.nowMs();
  }

  get isHolding(): boolean {
    return this.#hasEnded && !this.#isOver;
  }

  get connection(): DownstreamConnection {
    return this.#next.connection;
  }

  get requestBytes(): number {
    return this.#next.requestBytes;
  }

  get responseBytes(): number {
    return this.#next.responseBytes;
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    if (this.#pendingBytes === 0 && !this.#isBlocked) {
      at += this.#takeBudget(end - start);
      if (at > start) this.#isBlocked = !this.#next.sendBody(bytes, start, at);
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
      this.#next.sendEnd(trailers);
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
    this.#onOver();
  }

  closeAfterResponse(): void {
    this.#next.closeAfterResponse();
  }

  sendInterim(head: ResponseHead): void {
    this.#next.sendInterim(head);
  }

  sendHead(head: ResponseHead): void {
    this.#next.sendHead(head);
  }

  /** Sentences of this proxy's own are short. */
  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    this.#next.sendLocal(status, headers, body);
  }

  reset(): void {
    this.#next.reset();
  }

  pauseRequest(): void {
    this.#next.pauseRequest();
  }

  resumeRequest(): void {
    this.#next.resumeRequest();
  }

  #takeBudget(wanted: number): number {
    const nowMs = this.#services.nowMs();
    const passedMs = nowMs - this.#countedMs;
    this.#countedMs = nowMs;
    const budgetMax = BUDGET_MS_MAX * this.#bytesPerMs;
    this.#budget = Math.min(this.#budget + passedMs * this.#bytesPerMs, Math.max(budgetMax, 1));
    const taken = Math.min(wanted, Math.floor(this.#budget));
    this.#budget -= taken;
    return taken;
  }

  #armSlice(): void {
    const isDue = this.#pendingBytes > 0 && !this.#isBlocked && !this.#entry.isArmed;
    if (isDue) this.#services.timers.arm(this.#entry, SLICE_MS);
  }

  #onSlice(): void {
    if (this.#isOver || this.#isBlocked) return;
    let allowed = this.#takeBudget(this.#pendingBytes);
    while (allowed > 0 && !this.#isBlocked) allowed -= this.#sendPending(allowed);
    this.#budget += allowed;
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
    this.#isBlocked = !this.#next.sendBody(chunk, start, end);
    return end - start;
  }

  #handOnEnd(): void {
    this.#isOver = true;
    this.#next.sendEnd(this.#trailers);
    this.#call.onAnswerSent();
  }
}
