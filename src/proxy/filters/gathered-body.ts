/**
 * The beginning of a request's body, kept back until whoever wants to see it has decided: a pacer that gathers so many
 * bytes, tells when it has them or the body is complete, and later hands on what it has and lets the rest through.
 *
 *   codec ── take ──> gathered ── (decision) ──> exchange
 */
import { TimerEntry, type TimerWheel } from "../../core/timer-wheel.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { type FaultOwner, guarded } from "../callback-faults.ts";
import type { RequestPacer, RequestPath } from "./http-filter.ts";

export interface BodyGatherer {
  /** Called once: there are `bytesMax` bytes or more, or all of them. */
  onGathered(): void;
  /** Called instead when nothing has come for too long. */
  onGatherIdle(): void;
}

export interface GatherOptions {
  /** Of the body. One read more can come behind it. */
  readonly bytesMax: number;
  /** How long a silent client is waited for. */
  readonly idleMs: number;
  readonly timers: TimerWheel;
  readonly faults: FaultOwner;
}

export class GatheredBody implements RequestPacer {
  readonly #path: RequestPath;
  readonly #gatherer: BodyGatherer;
  readonly #options: GatherOptions;
  readonly #idle: TimerEntry;
  readonly #chunks: Buffer[] = [];
  /** That have come. */
  byteCount = 0;
  /** Nothing comes behind them. */
  isComplete = false;
  #trailers: HeaderBlock | undefined;
  #isTold = false;
  #isPassing = false;
  /** The client was told to pause. */
  #isPaused = false;
  #isOver = false;

  constructor(path: RequestPath, gatherer: BodyGatherer, options: GatherOptions) {
    this.#path = path;
    this.#gatherer = gatherer;
    this.#options = options;
    this.#idle = new TimerEntry(guarded(options.faults, () => this.#onIdle()));
    options.timers.arm(this.#idle, options.idleMs);
  }

  /** What has come, and no more than so many bytes. */
  bytes(): Buffer {
    const whole = Buffer.concat(this.#chunks);
    return whole.subarray(0, Math.min(whole.length, this.#options.bytesMax));
  }

  /** Hands on what was gathered: from now on the body is the route's. */
  pass(): void {
    if (this.#isOver || this.#isPassing) return;
    this.#isPassing = true;
    const { next } = this.#path;
    let hasRoom = true;
    for (const chunk of this.#chunks.splice(0)) hasRoom = next.take(chunk, 0, chunk.length);
    if (this.#isOver) return;
    if (this.isComplete) next.takeEnd(this.#trailers);
    else if (hasRoom) this.#resume();
  }

  take(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isPassing) {
      this.#isPaused = !this.#path.next.take(bytes, start, end);
      return !this.#isPaused;
    }
    this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.byteCount += end - start;
    if (this.byteCount < this.#options.bytesMax) {
      this.#options.timers.arm(this.#idle, this.#options.idleMs);
      return true;
    }
    this.#isPaused = true;
    this.#tell();
    // The request may be over behind that: then nobody would let its client go on.
    return this.#isOver || !this.#isPaused;
  }

  takeEnd(trailers: HeaderBlock | undefined): void {
    this.isComplete = true;
    if (this.#isPassing) {
      this.#path.next.takeEnd(trailers);
      return;
    }
    this.#trailers = trailers === undefined ? undefined : copiedHeaders(trailers);
    this.#tell();
  }

  onRoom(): void {
    if (this.#isPassing) this.#resume();
  }

  release(): void {
    this.#isOver = true;
    this.#options.timers.disarm(this.#idle);
    this.#chunks.length = 0;
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#options.timers.disarm(this.#idle);
    this.#gatherer.onGathered();
  }

  #onIdle(): void {
    if (this.#isTold || this.#isOver) return;
    this.#isTold = true;
    this.#gatherer.onGatherIdle();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#path.resume();
  }
}
