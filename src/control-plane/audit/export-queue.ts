/**
 * Sends records on without anybody waiting for it: a bounded queue before each target. A target that does not answer is
 * tried again, ever more slowly; when its queue is full, what comes is counted and left out. The log on disk has it.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { AuditMetrics } from "./audit-metrics.ts";

/** About 10 MB: an hour of a busy mesh's changes. */
export const EXPORT_QUEUE_MAX = 10_000;
const BATCH_MAX = 200;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

export interface AuditTarget {
  /** For metrics and logs; without anything secret. */
  readonly name: string;
  /** Rejects when it should be tried again. */
  send(records: readonly AuditRecord[]): Promise<void>;
  close(): void;
}

export interface ExportQueueOptions {
  readonly target: AuditTarget;
  readonly metrics: AuditMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly queueMax?: number;
}

export class ExportQueue {
  readonly #options: ExportQueueOptions;
  readonly #queue: AuditRecord[] = [];
  #sending: Promise<void> | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(options: ExportQueueOptions) {
    this.#options = options;
  }

  add(record: AuditRecord): void {
    const { target, metrics, queueMax = EXPORT_QUEUE_MAX } = this.#options;
    if (this.#queue.length >= queueMax) {
      metrics.exportDropped.with({ target: target.name }).add(1);
      return;
    }
    this.#queue.push(record);
    if (this.#sending === undefined && this.#retry === undefined) this.#begin();
  }

  /** What is in the queue gets one more try, for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (this.#sending === undefined && this.#queue.length > 0) this.#begin();
    const { clock, target } = this.#options;
    let timer: Timer | undefined;
    const over = new Promise<void>((resolve) => {
      timer = clock.schedule(graceMs, resolve);
    });
    await Promise.race([this.#sending ?? Promise.resolve(), over]);
    timer?.cancel();
    this.#isStopped = true;
    target.close();
  }

  #begin(): void {
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    const { target, metrics, clock, log } = this.#options;
    while (this.#queue.length > 0 && !this.#isStopped) {
      const batch = this.#queue.slice(0, BATCH_MAX);
      try {
        await target.send(batch);
      } catch (error) {
        this.#failures += 1;
        metrics.exportFailures.with({ target: target.name }).add(1);
        if (this.#failures === 1) {
          log.warn("audit records cannot be exported", {
            target: target.name,
            error: messageOf(error),
          });
        }
        const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (this.#failures - 1));
        if (this.#isStopped) return;
        this.#retry = clock.schedule(delayMs, () => {
          this.#retry = undefined;
          this.#begin();
        });
        return;
      }
      if (this.#failures > 0) log.info("audit records are exported again", { target: target.name });
      this.#failures = 0;
      this.#queue.splice(0, batch.length);
      metrics.exported.with({ target: target.name }).add(batch.length);
    }
  }
}
