/**
 * One signal of one exporter on its way: encoded as it comes, kept in order within a bound, sent in batches, and sent again
 * with growing, jittered pauses until it is taken or refused for good. `add` never waits and never throws; what does not fit
 * is counted.
 */
import type { Clock, Timer } from "../../../core/clock.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import type { Prng } from "../../../core/prng.ts";
import type { BatchLimits, ExportBuffer } from "./export-buffer.ts";
import type { DropReason, PipeMetrics } from "./export-metrics.ts";
import {
  type ExportSignal,
  type ExportTarget,
  retryAll,
  type SendOutcome,
} from "./export-target.ts";

/** However long the other side asks us to wait. */
const PAUSE_MS_MAX = 3_600_000;

export interface PipeSettings {
  readonly batch: BatchLimits & { readonly delayMs: number };
  readonly retry: { readonly initialDelayMs: number; readonly maxDelayMs: number };
  readonly timeoutMs: number;
}

export interface ExportPipeOptions {
  /** Of the exporter, for logs. */
  readonly exporter: string;
  readonly signal: ExportSignal;
  /** Belongs to the pipe from now on, like the buffer. */
  readonly target: ExportTarget;
  readonly buffer: ExportBuffer;
  readonly settings: PipeSettings;
  readonly metrics: PipeMetrics;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/** For `tulle check` and people. */
export interface PipeState {
  readonly signal: ExportSignal;
  readonly place: string;
  readonly waitingRecords: number;
  /** Undefined while sending works. */
  readonly failingSinceMs: number | undefined;
  readonly reason: string;
  readonly lastDrop:
    | { readonly atMs: number; readonly why: DropReason; readonly reason: string }
    | undefined;
  /** Since the pipe was made. */
  readonly droppedRecords: number;
}

export class ExportPipe {
  readonly #options: ExportPipeOptions;
  readonly #stopping = new AbortController();
  /** Of the buffer's oldest: how many were looked at, and which of them are still to be sent. */
  #peeked = 0;
  #left: readonly Buffer[] = [];
  /** Less than a batch after the other side found one too large. */
  #recordsMax: number;
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #failingSinceMs: number | undefined;
  #reason = "";
  #lastDrop: PipeState["lastDrop"];
  #droppedRecords = 0;

  constructor(options: ExportPipeOptions) {
    this.#options = options;
    this.#recordsMax = options.settings.batch.maxRecords;
    this.#measure();
    if (options.buffer.records > 0) this.#schedule(0);
  }

  get state(): PipeState {
    const { signal, target, buffer } = this.#options;
    return {
      signal,
      place: target.place,
      waitingRecords: buffer.records,
      failingSinceMs: this.#failingSinceMs,
      reason: this.#reason,
      lastDrop: this.#lastDrop,
      droppedRecords: this.#droppedRecords,
    };
  }

  /** What the target's encoder has made. */
  add(encoded: Buffer): void {
    const { buffer, settings } = this.#options;
    if (this.#stopping.signal.aborted || !buffer.add(encoded)) {
      this.#drop(1, this.#stopping.signal.aborted ? "stopped" : "buffer-full", "too much waits");
      return;
    }
    this.#measure();
    if (this.#sending !== undefined || this.#failingSinceMs !== undefined) return;
    if (this.#isFull) this.#schedule(0);
    else if (this.#timer === undefined) this.#schedule(settings.batch.delayMs);
  }

  /** Counts a record that nothing can be made of. */
  refuse(reason: string): void {
    this.#drop(1, "refused", reason);
  }

  /** Whether there is a whole batch. */
  get #isFull(): boolean {
    const { buffer, settings } = this.#options;
    const { maxRecords, maxBytes } = settings.batch;
    return buffer.records >= maxRecords || buffer.bytes >= maxBytes;
  }

  /** What waits gets one more try, for at most `graceMs`; what is left after that is given to whoever follows. */
  async stop(graceMs: number): Promise<readonly Buffer[]> {
    const { clock, buffer, target } = this.#options;
    if (graceMs > 0 && buffer.records > 0) {
      let over: Timer | undefined;
      const deadline = new Promise<void>((resolve) => {
        over = clock.schedule(graceMs, resolve);
      });
      await Promise.race([this.#idle(), deadline]);
      over?.cancel();
    }
    this.#stopping.abort();
    this.#timer?.cancel();
    await this.#sending;
    target.close();
    return await buffer.close();
  }

  /** Counts what `stop` gave back and nobody takes. */
  dropStopped(count: number): void {
    if (count > 0) this.#drop(count, "stopped", "the exporter was stopped");
  }

  /** Until all is sent, or a try has failed. */
  async #idle(): Promise<void> {
    const { buffer, clock } = this.#options;
    do {
      if (this.#sending === undefined) this.#schedule(0);
      // Timers of one time run in their order: what was scheduled is on its way after this one.
      await new Promise<void>((resolve) => clock.schedule(0, resolve));
      await this.#sending;
    } while (buffer.records > 0 && this.#failures === 0);
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      if (this.#sending !== undefined || this.#stopping.signal.aborted) return;
      this.#sending = this.#pump().finally(() => {
        this.#sending = undefined;
        this.#next();
      });
    });
  }

  /** When to go on, after a pump has come to its end. */
  #next(): void {
    const { buffer, settings } = this.#options;
    if (this.#stopping.signal.aborted || this.#timer !== undefined || buffer.records === 0) return;
    this.#schedule(settings.batch.delayMs);
  }

  async #pump(): Promise<void> {
    let isFirst = true;
    while (!this.#stopping.signal.aborted) {
      if (this.#left.length === 0) {
        // What makes no full batch waits for more; but for what a timer has sent us for.
        if (!isFirst && !this.#isFull) return;
        if (!(await this.#take())) return;
      }
      isFirst = false;
      const batch = this.#left.slice(0, this.#recordsMax);
      const pauseMs = this.#judge(batch, await this.#send(batch));
      this.#measure();
      if (pauseMs !== undefined) {
        if (!this.#stopping.signal.aborted) this.#schedule(pauseMs);
        return;
      }
    }
  }

  /** False when there is nothing, or it cannot be read now. */
  async #take(): Promise<boolean> {
    const { buffer, settings } = this.#options;
    try {
      this.#left = await buffer.peek(settings.batch);
    } catch (error) {
      this.#schedule(this.#failed(`what waits cannot be read: ${messageOf(error)}`, 0));
      return false;
    }
    this.#peeked = this.#left.length;
    return this.#peeked > 0;
  }

  async #send(batch: readonly Buffer[]): Promise<SendOutcome> {
    const { target, settings, clock } = this.#options;
    const timeout = new AbortController();
    const timer = clock.schedule(settings.timeoutMs, () => {
      timeout.abort(new Error(`no answer within ${settings.timeoutMs} ms`));
    });
    try {
      const signal = AbortSignal.any([this.#stopping.signal, timeout.signal]);
      return await target.send(batch, signal);
    } catch (error) {
      return retryAll(messageOf(timeout.signal.aborted ? timeout.signal.reason : error));
    } finally {
      timer.cancel();
    }
  }

  /** How long to pause before the next try; undefined to go on at once. */
  #judge(batch: readonly Buffer[], outcome: SendOutcome): number | undefined {
    const { metrics, settings } = this.#options;
    switch (outcome.kind) {
      case "done": {
        metrics.records.add(batch.length - outcome.rejected);
        if (outcome.rejected > 0) this.#drop(outcome.rejected, "refused", outcome.reason);
        this.#finish(this.#left.slice(batch.length));
        this.#worked();
        this.#recordsMax = Math.min(settings.batch.maxRecords, this.#recordsMax * 2);
        return undefined;
      }
      case "too-large": {
        if (batch.length > 1) {
          this.#recordsMax = Math.ceil(batch.length / 2);
          return undefined;
        }
        this.#drop(1, "refused", outcome.reason);
        this.#finish(this.#left.slice(1));
        return undefined;
      }
      case "retry": {
        const again = outcome.indices === "all" ? batch : pick(batch, outcome.indices);
        const taken = batch.length - again.length - outcome.rejected;
        metrics.records.add(taken);
        if (outcome.rejected > 0) this.#drop(outcome.rejected, "refused", outcome.reason);
        this.#finish([...again, ...this.#left.slice(batch.length)]);
        if (taken > 0) this.#failures = 0;
        // When it was stopped in the middle, nothing has failed.
        if (this.#stopping.signal.aborted) return 0;
        return this.#failed(outcome.reason, outcome.afterMs);
      }
    }
  }

  /** A batch leaves the buffer as a whole: what is sent twice after a crash comes in the same order. */
  #finish(left: readonly Buffer[]): void {
    this.#left = left;
    if (left.length > 0) return;
    this.#options.buffer.remove(this.#peeked);
    this.#peeked = 0;
  }

  #worked(): void {
    const { log, exporter, signal } = this.#options;
    if (this.#failingSinceMs !== undefined) {
      log.info("exports go out again", { exporter, signal });
    }
    this.#failures = 0;
    this.#failingSinceMs = undefined;
    this.#reason = "";
  }

  /** Returns the pause. */
  #failed(reason: string, afterMs: number): number {
    const { log, exporter, signal, target, clock, metrics, settings, prng } = this.#options;
    const { initialDelayMs, maxDelayMs } = settings.retry;
    this.#failures += 1;
    metrics.failures.add(1);
    if (this.#failingSinceMs === undefined) {
      this.#failingSinceMs = clock.nowMs();
      log.warn("exports do not go out", { ...{ exporter, signal, to: target.place, reason } });
    }
    this.#reason = reason;
    const pauseMs = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(30, this.#failures - 1));
    // Between half of it and all of it: control planes that lost the same target do not come back as one.
    const jittered = pauseMs * (0.5 + prng.next() / 2);
    return Math.max(jittered, Math.min(afterMs, PAUSE_MS_MAX));
  }

  #drop(count: number, why: DropReason, reason: string): void {
    const { metrics, clock, log, exporter, signal } = this.#options;
    metrics.dropped[why].add(count);
    if (this.#lastDrop?.why !== why) {
      log.warn("records are not exported", { exporter, signal, why, reason });
    }
    this.#lastDrop = { atMs: clock.nowMs(), why, reason };
    this.#droppedRecords += count;
  }

  #measure(): void {
    const { buffer, metrics } = this.#options;
    metrics.bufferRecords.set(buffer.records);
    metrics.bufferBytes.set(buffer.bytes);
  }
}

function pick(batch: readonly Buffer[], indices: readonly number[]): readonly Buffer[] {
  return indices.flatMap((index) => batch[index] ?? []);
}
