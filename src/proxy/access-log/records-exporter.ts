/**
 * Gathers log records for one receiver of OTLP/gRPC and sends them in messages of a second. While the receiver is away messages
 * grow to their full size and wait; see `telemetry-queue.ts` for the bound. Nobody ever waits for it.
 */
import { TimerEntry } from "../../core/timer-wheel.ts";
import type { AccessLogEntry } from "../../telemetry/access-log/log-entry.ts";
import type { Labels } from "../../telemetry/metric-family.ts";
import { LogsMessage, type RecordFormat } from "../../telemetry/otlp/logs-message.ts";
import { TelemetryQueue, type TelemetryQueueOptions } from "../telemetry-queue.ts";
import type { RecordsTarget } from "./records-config.ts";

const EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

export interface RecordsExporterOptions extends Omit<TelemetryQueueOptions, "method" | "onEmpty"> {
  readonly target: RecordsTarget;
  readonly resource: Labels;
  readonly version: string;
}

export class RecordsExporter {
  readonly #options: RecordsExporterOptions;
  readonly #message: LogsMessage;
  readonly #queue: TelemetryQueue;
  readonly #due = new TimerEntry(() => this.#onDue());
  #isOverdue = false;

  constructor(options: RecordsExporterOptions) {
    this.#options = options;
    const { resource, version, target } = options;
    const named = target.logName === "" ? {} : { log_name: target.logName };
    const all = { ...resource, ...named, ...target.resource };
    this.#message = new LogsMessage(all, { name: "tulle", version });
    const onEmpty = (): void => {
      if (this.#isOverdue) this.flush();
    };
    this.#queue = new TelemetryQueue({ ...options, method: EXPORT, onEmpty });
  }

  add(entry: AccessLogEntry, format: RecordFormat): void {
    this.#message.add(entry, format);
    const { target, timers } = this.#options;
    if (this.#message.length >= target.bufferBytes) this.flush();
    else if (!this.#due.isArmed && !this.#isOverdue) timers.idle.arm(this.#due, target.intervalMs);
  }

  /** Sends what there is, behind what is under way. */
  flush(): void {
    this.#options.timers.idle.disarm(this.#due);
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
