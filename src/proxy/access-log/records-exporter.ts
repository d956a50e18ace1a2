/**
 * Sends log records to one receiver by OTLP/gRPC over one of the proxy's clusters. Bounded: of what a slow receiver does not
 * take the oldest message is dropped and counted. Nobody ever waits for it.
 */
import { LOG_MESSAGES_HELD_MAX, LOG_RECORDS_RETRIES_MAX } from "../../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../../core/timer-wheel.ts";
import type { AccessLogEntry } from "../../telemetry/access-log/log-entry.ts";
import type { Counter } from "../../telemetry/counter.ts";
import { GRPC_STATUS } from "../../telemetry/grpc-status.ts";
import type { Labels } from "../../telemetry/metric-family.ts";
import { LogsMessage, type RecordFormat } from "../../telemetry/otlp/logs-message.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { GrpcCall, type GrpcCallHandler } from "../grpc-call.ts";
import type { RecordsTarget } from "./records-config.ts";

const EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/** OTLP, "Failures" of gRPC: who answers so may take the message later. */
const RETRYABLE: ReadonlySet<number> = new Set([
  GRPC_STATUS.cancelled,
  GRPC_STATUS.deadlineExceeded,
  GRPC_STATUS.unavailable,
  GRPC_STATUS.resourceExhausted,
]);

/** Fine ticks for calls, coarse ones for pauses: an idle proxy does not tick for logs. */
export interface LogTimers {
  readonly request: TimerWheel;
  readonly idle: TimerWheel;
}

export interface RecordsExporterOptions {
  readonly target: RecordsTarget;
  readonly resource: Labels;
  readonly version: string;
  /** As they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: LogTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  readonly exported: Counter;
  readonly dropped: Counter;
}

interface HeldMessage {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export class RecordsExporter implements GrpcCallHandler {
  readonly #options: RecordsExporterOptions;
  readonly #message: LogsMessage;
  readonly #due = new TimerEntry(() => this.flush());
  readonly #pause = new TimerEntry(() => this.#send());
  /** The first is under way, or waits to be sent again. */
  readonly #held: HeldMessage[] = [];
  #tries = 0;

  constructor(options: RecordsExporterOptions) {
    this.#options = options;
    const { resource, version, target } = options;
    const named = target.logName === "" ? {} : { log_name: target.logName };
    const all = { ...resource, ...named, ...target.resource };
    this.#message = new LogsMessage(all, { name: "tulle", version });
  }

  add(entry: AccessLogEntry, format: RecordFormat): void {
    this.#message.add(entry, format);
    const { target, timers } = this.#options;
    if (this.#message.length >= target.bufferBytes) this.flush();
    else if (!this.#due.isArmed) timers.idle.arm(this.#due, target.intervalMs);
  }

  /** Sends what there is, behind what is under way. */
  flush(): void {
    this.#options.timers.idle.disarm(this.#due);
    const { count } = this.#message;
    if (count === 0) return;
    this.#held.push({ bytes: this.#message.take(), count });
    if (this.#held.length === 1) this.#send();
    else if (this.#held.length > LOG_MESSAGES_HELD_MAX) {
      // What is under way may arrive yet: the oldest behind it goes.
      const [oldest] = this.#held.splice(1, 1);
      this.#options.dropped.value += oldest?.count ?? 0;
    }
  }

  /** Also for `partial_success`: what is refused is not sent again. */
  onGrpcReply(): void {
    this.#finish(this.#options.exported);
  }

  onGrpcFailure(status: number): void {
    if (RETRYABLE.has(status)) this.#again();
    else this.#finish(this.#options.dropped);
  }

  #send(): void {
    const [first] = this.#held;
    if (first === undefined) return;
    this.#tries += 1;
    const { target, clusters, timers, nowMs, faults } = this.#options;
    const cluster = clusters.get(target.cluster);
    if (cluster === undefined) {
      this.#again();
      return;
    }
    const { authority, timeoutMs } = target;
    const shared = { cluster, method: EXPORT, authority, timeoutMs, nowMs, faults };
    const call = new GrpcCall({ ...shared, message: first.bytes, timers: timers.request }, this);
    if (call.start() !== undefined) this.#again();
  }

  #again(): void {
    const { timers, target, dropped } = this.#options;
    if (this.#tries > LOG_RECORDS_RETRIES_MAX) this.#finish(dropped);
    else timers.idle.arm(this.#pause, Math.max(1, target.intervalMs) * this.#tries);
  }

  #finish(counter: Counter): void {
    counter.value += this.#held.shift()?.count ?? 0;
    this.#tries = 0;
    this.#send();
  }
}
