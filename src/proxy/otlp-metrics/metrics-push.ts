/**
 * Pushes metrics to one receiver of OTLP/gRPC at an interval: what has changed since it took them last, and everything
 * now and then. A receiver that is away costs a counter: nothing is kept for it, since the next push says it all.
 */
import { type Client, Metadata } from "@grpc/grpc-js";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import {
  OTLP_METRICS_LAST_PUSH_MS,
  OTLP_METRICS_REFRESH_MS,
  OTLP_METRICS_TIMEOUT_MS,
} from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { FamilySnapshot } from "../../telemetry/metric-snapshot.ts";
import type { OtlpMetricsChanges } from "../../telemetry/otlp/metrics-changes.ts";
import type { GrpcClientFactory } from "../../xds/channel-options.ts";
import { asIs, toBuffer } from "../../xds/grpc-bytes.ts";

const EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/** `skipped`: nobody was there, or the push before was still under way. */
export type PushResult = "ok" | "failed" | "skipped";

export interface MetricsPushOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
  /** For messages. */
  readonly receiver: string;
  readonly changes: OtlpMetricsChanges;
  readonly metrics: () => Promise<readonly FamilySnapshot[]>;
  readonly createClient: GrpcClientFactory;
  /** False while it is known that nobody would answer. */
  readonly isReachable: () => boolean;
  readonly onResult: (result: PushResult) => void;
}

export class MetricsPush {
  readonly #options: MetricsPushOptions;
  #client: Client | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = true;
  #hasFailed = false;
  /** Monotonic time of the last push of everything. */
  #fullMs = Number.NEGATIVE_INFINITY;

  constructor(options: MetricsPushOptions) {
    this.#options = options;
  }

  /** Also after `stop`. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#fullMs = Number.NEGATIVE_INFINITY;
    this.#schedule();
  }

  /** Pushes once more, waits a moment for it, and ends. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    const { clock } = this.#options;
    let timer: Timer | undefined;
    const isLate = new Promise<void>((resolve) => {
      timer = clock.schedule(OTLP_METRICS_LAST_PUSH_MS, resolve);
    });
    await Promise.race([(this.#running ?? Promise.resolve()).then(() => this.#push()), isLate]);
    timer?.cancel();
    this.renew();
  }

  /** The next push has a connection of its own, with the newest certificate. */
  renew(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.schedule(this.#options.intervalMs, () => {
      if (this.#isStopped) return;
      this.#schedule();
      if (this.#running === undefined) void this.#push();
      else this.#options.onResult("skipped");
    });
  }

  async #push(): Promise<void> {
    const { isReachable, onResult } = this.#options;
    if (!isReachable()) {
      this.#fullMs = Number.NEGATIVE_INFINITY;
      onResult("skipped");
      return;
    }
    this.#running = this.#pushChanges();
    await this.#running;
    this.#running = undefined;
  }

  async #pushChanges(): Promise<void> {
    const { clock, log, receiver, changes, metrics, onResult } = this.#options;
    try {
      const families = await metrics();
      const nowMs = clock.monotonicMs();
      const includesAll = nowMs - this.#fullMs >= OTLP_METRICS_REFRESH_MS;
      for (const { bytes, taken } of changes.batches(families, clock.nowMs(), includesAll)) {
        await this.#export(bytes);
        taken();
      }
      if (includesAll) this.#fullMs = nowMs;
      this.#hasFailed = false;
      onResult("ok");
    } catch (error) {
      // Whoever was there may be another one next time, who knows nothing.
      this.#fullMs = Number.NEGATIVE_INFINITY;
      this.renew();
      if (!this.#hasFailed)
        log.info("metrics are not taken", { receiver, reason: messageOf(error) });
      this.#hasFailed = true;
      onResult("failed");
    }
  }

  async #export(bytes: Uint8Array): Promise<void> {
    this.#client ??= this.#options.createClient();
    const client = this.#client;
    // gRPC wants a date.
    const deadline = this.#options.clock.nowMs() + OTLP_METRICS_TIMEOUT_MS;
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        ...([EXPORT, toBuffer, asIs, bytes, new Metadata(), { deadline }] as const),
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  }
}
