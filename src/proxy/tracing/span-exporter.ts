/**
 * Gathers spans for one receiver of OTLP/gRPC and sends them in messages of a second. While the receiver is away messages grow to
 * their full size and wait; see `telemetry-queue.ts` for the bound. Nobody ever waits for it.
 */
import { SPANS_INTERVAL_MS, SPANS_MESSAGE_BYTES, SPANS_PER_MESSAGE } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { SpansMessage } from "../../telemetry/otlp/spans-message.ts";
import type { SpanDraft } from "../../telemetry/trace/span-draft.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { TelemetryQueue, type TelemetryTimers } from "../telemetry-queue.ts";
import type { SpanTarget } from "./tracing-config.ts";
import type { TracingMetrics } from "./tracing-metrics.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

export interface SpanExporterOptions {
  readonly target: SpanTarget;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  /** As they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: TelemetryTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  readonly metrics: TracingMetrics;
}

export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #message: SpansMessage;
  readonly #queue: TelemetryQueue;
  readonly #due = new TimerEntry(() => this.#onDue());
  readonly #urgent = new TimerEntry(() => this.#onDue());
  #isOverdue = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    const { resource, version, metrics } = options;
    this.#message = new SpansMessage(resource, { name: "tulle", version });
    this.#queue = new TelemetryQueue({
      ...{ ...options, method: EXPORT, exported: metrics.exported, dropped: metrics.dropped },
      onEmpty: () => {
        if (this.#isOverdue) this.flush();
      },
    });
  }

  /** `isUrgent`: somebody waits for it to decide about its trace. */
  add(draft: SpanDraft, isUrgent: boolean): void {
    const message = this.#message;
    message.add(draft);
    const { timers } = this.#options;
    if (message.count >= SPANS_PER_MESSAGE || message.length >= SPANS_MESSAGE_BYTES) this.flush();
    else if (isUrgent && !this.#urgent.isArmed) timers.request.arm(this.#urgent, 0);
    else if (!this.#due.isArmed && !this.#isOverdue)
      timers.request.arm(this.#due, SPANS_INTERVAL_MS);
  }

  /** Sends what there is, behind what is under way. */
  flush(): void {
    const { timers } = this.#options;
    timers.request.disarm(this.#due);
    timers.request.disarm(this.#urgent);
    this.#isOverdue = false;
    const { count } = this.#message;
    if (count > 0) this.#queue.add(this.#message.take(), count);
  }

  /** What is gathered while something is under way goes when that has come to its end. */
  #onDue(): void {
    if (this.#queue.isEmpty) this.flush();
    else this.#isOverdue = true;
  }
}
