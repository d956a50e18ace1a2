/**
 * Sends spans to one receiver by OTLP/gRPC over one of the proxy's clusters, in messages of a second's spans. Bounded: what
 * comes while SPANS_MESSAGES_MAX messages are under way and another is full is dropped and counted. Never waits.
 */
import {
  SPANS_INTERVAL_MS,
  SPANS_MESSAGE_BYTES,
  SPANS_MESSAGES_MAX,
  SPANS_PER_MESSAGE,
  SPANS_RETRIES_MAX,
} from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { GRPC_STATUS } from "../../telemetry/grpc-status.ts";
import { SpansMessage } from "../../telemetry/otlp/spans-message.ts";
import type { SpanDraft } from "../../telemetry/trace/span-draft.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { GrpcCall, type GrpcCallHandler } from "../grpc-call.ts";
import type { SpanTimers } from "./span-timers.ts";
import type { SpanTarget } from "./tracing-config.ts";
import type { TracingMetrics } from "./tracing-metrics.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/** OTLP, "Failures" of gRPC: who answers so may take the message later. */
const RETRYABLE: ReadonlySet<number> = new Set([
  GRPC_STATUS.cancelled,
  GRPC_STATUS.deadlineExceeded,
  GRPC_STATUS.unavailable,
]);

export interface SpanExporterOptions {
  readonly target: SpanTarget;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  /** As they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: SpanTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  readonly metrics: TracingMetrics;
}

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #message: SpansMessage;
  readonly #due = new TimerEntry(() => this.#onDue());
  readonly #urgent = new TimerEntry(() => this.#onDue());
  #underWay = 0;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#message = new SpansMessage(options.resource, { name: "tulle", version: options.version });
  }

  /** `isUrgent`: somebody waits for it to decide about its trace. */
  add(draft: SpanDraft, isUrgent: boolean): void {
    const message = this.#message;
    if (this.#isFull) {
      this.#options.metrics.dropped.value += 1;
      return;
    }
    message.add(draft);
    const { timers } = this.#options;
    if (this.#isFull) this.flush();
    else if (isUrgent && !this.#urgent.isArmed) timers.request.arm(this.#urgent, 0);
    else if (!this.#due.isArmed) timers.request.arm(this.#due, SPANS_INTERVAL_MS);
  }

  /** Sends what there is, unless too much is under way: what ends sends it then. */
  flush(): void {
    if (this.#message.count === 0 || this.#underWay >= SPANS_MESSAGES_MAX) return;
    const { timers } = this.#options;
    timers.request.disarm(this.#due);
    timers.request.disarm(this.#urgent);
    const { count } = this.#message;
    this.#underWay += 1;
    new SpansCall(this.#options, this.#message.take(), (isTaken) => {
      const { metrics } = this.#options;
      (isTaken ? metrics.exported : metrics.dropped).value += count;
      this.#underWay -= 1;
      if (this.#isFull) this.flush();
    }).start();
  }

  get #isFull(): boolean {
    const { count, length } = this.#message;
    return count >= SPANS_PER_MESSAGE || length >= SPANS_MESSAGE_BYTES;
  }

  #onDue(): void {
    this.flush();
    // Too much is under way: what is held goes with the next, or a second later.
    if (this.#message.count > 0 && !this.#due.isArmed) {
      this.#options.timers.request.arm(this.#due, SPANS_INTERVAL_MS);
    }
  }
}

/** One message until it is taken or given up. */
class SpansCall implements GrpcCallHandler {
  readonly #options: SpanExporterOptions;
  readonly #message: Uint8Array;
  readonly #onOver: (isTaken: boolean) => void;
  readonly #pause: TimerEntry;
  #tries = 0;

  constructor(
    options: SpanExporterOptions,
    message: Uint8Array,
    onOver: (isTaken: boolean) => void,
  ) {
    this.#options = options;
    this.#message = message;
    this.#onOver = onOver;
    this.#pause = new TimerEntry(() => this.start());
  }

  start(): void {
    this.#tries += 1;
    const { target, clusters, timers, nowMs, faults } = this.#options;
    const cluster = clusters.get(target.cluster);
    if (cluster === undefined) {
      this.#again();
      return;
    }
    const { authority, timeoutMs } = target;
    const shared = { cluster, method: EXPORT, authority, timeoutMs, nowMs, faults };
    const call = new GrpcCall({ ...shared, message: this.#message, timers: timers.request }, this);
    if (call.start() !== undefined) this.#again();
  }

  /** Also for `partial_success`: what is refused is not sent again. */
  onGrpcReply(): void {
    this.#onOver(true);
  }

  onGrpcFailure(status: number): void {
    if (RETRYABLE.has(status)) this.#again();
    else this.#onOver(false);
  }

  #again(): void {
    if (this.#tries > SPANS_RETRIES_MAX) this.#onOver(false);
    else this.#options.timers.request.arm(this.#pause, SPANS_INTERVAL_MS * this.#tries);
  }
}
