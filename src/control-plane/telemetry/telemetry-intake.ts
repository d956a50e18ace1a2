/**
 * Takes what proxies and apps send, whichever way it came: decodes it, checks who may tell it, and hands it to the sinks.
 * It is the one door of telemetry, and it is bounded: what is too much is refused so that the sender tries again.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import {
  type ExportLogsServiceRequest,
  ExportLogsServiceRequestSchema,
} from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import {
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
} from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { KeyedTokenBuckets } from "../../identity/token-bucket.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import {
  TELEMETRY_RECORDS_PER_REQUEST_MAX,
  TELEMETRY_REQUESTS_PER_SECOND,
  TELEMETRY_SENDERS_MAX,
} from "./limits.ts";
import { takeMetrics } from "./metrics-resources.ts";
import { otlpFromJson } from "./otlp-json.ts";
import { logEvent } from "./otlp-logs.ts";
import { spanRecord } from "./otlp-traces.ts";
import { attributesOf } from "./otlp-values.ts";
import type { ReceiverMetrics } from "./receiver-metrics.ts";
import type { Taps } from "./tap/taps.ts";
import type { LogEvent, SpanRecord, TelemetryResource, TelemetrySink } from "./telemetry-record.ts";
import { type CheckedResource, checkResource, type TelemetrySender } from "./telemetry-sender.ts";
import { MalformedMessage } from "./wire-reader.ts";

export type TelemetrySignal = "traces" | "logs" | "metrics";

/** `taken`: `rejected` of them were not, and a sender must not send those again (OTLP, "Partial Success"). */
export type IntakeResult =
  | { readonly kind: "taken"; readonly rejected: number; readonly message: string }
  /** Not now: the same may be sent again. */
  | { readonly kind: "busy"; readonly message: string }
  | { readonly kind: "malformed"; readonly message: string };

/** Keeps figures, or passes them on. Points are decoded on its side. */
export interface MetricsSink {
  /** The bytes are only lent. False when too much waits already: nothing was taken. */
  addMetrics(bytes: Uint8Array, resources: readonly TelemetryResource[]): boolean;
}

export interface TelemetryIntakeOptions {
  readonly sinks: readonly TelemetrySink[];
  /** Takes records that somebody watches out of what is kept. */
  readonly taps: Pick<Taps, "take">;
  /** The first one decides whether there is room; others lose what they have none for. */
  readonly figures: readonly MetricsSink[];
  readonly proxies: Pick<ProxyDirectory, "find">;
  readonly metrics: ReceiverMetrics;
  readonly clock: Clock;
}

interface Batch<T> {
  readonly records: T[];
  rejected: number;
  reason: string;
}

export class TelemetryIntake {
  readonly #options: TelemetryIntakeOptions;
  readonly #limit: KeyedTokenBuckets;

  constructor(options: TelemetryIntakeOptions) {
    this.#options = options;
    this.#limit = new KeyedTokenBuckets({
      burst: TELEMETRY_REQUESTS_PER_SECOND * 2,
      perSecond: TELEMETRY_REQUESTS_PER_SECOND,
      keysMax: TELEMETRY_SENDERS_MAX,
      clock: options.clock,
    });
  }

  /** The bytes, or the JSON text, of an export request. Never throws. */
  take(
    signal: TelemetrySignal,
    message: Uint8Array | string,
    sender: TelemetrySender,
  ): IntakeResult {
    const result = this.#take(signal, message, sender);
    const { refusedRequests, rejected } = this.#options.metrics;
    if (result.kind !== "taken") refusedRequests.with({ signal, reason: result.kind }).add(1);
    else if (result.rejected > 0) rejected.with({ signal }).add(result.rejected);
    return result;
  }

  #take(
    signal: TelemetrySignal,
    message: Uint8Array | string,
    sender: TelemetrySender,
  ): IntakeResult {
    if (!this.#limit.tryTake(sender.principal)) {
      return { kind: "busy", message: "more requests a second than one identity may send" };
    }
    try {
      switch (signal) {
        case "traces":
          return this.#takeTraces(tracesFrom(message), sender);
        case "logs":
          return this.#takeLogs(logsFrom(message), sender);
        case "metrics":
          return this.#takeMetrics(metricsFrom(message), sender);
      }
    } catch (error) {
      // Whatever the decoder says is about the message: nothing else is touched by it.
      const detail = error instanceof MalformedMessage ? error.message : messageOf(error);
      return { kind: "malformed", message: `no export request of ${signal}: ${detail}` };
    }
  }

  #takeTraces(request: ExportTraceServiceRequest, sender: TelemetrySender): IntakeResult {
    const batch: Batch<SpanRecord> = { records: [], rejected: 0, reason: "" };
    for (const { resource: told, scopeSpans } of request.resourceSpans) {
      const checked = this.#check(attributesOf(told?.attributes ?? []), sender);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const record = checked.ok ? spanRecord(span, checked.resource) : undefined;
        add(batch, record, checked.ok ? "a span without ids" : checked.reason);
      }
    }
    return this.#hand(batch, "traces", (sink, records) => sink.addSpans(records));
  }

  #takeLogs(request: ExportLogsServiceRequest, sender: TelemetrySender): IntakeResult {
    const nowNs = BigInt(Math.trunc(this.#options.clock.nowMs())) * 1_000_000n;
    const batch: Batch<LogEvent> = { records: [], rejected: 0, reason: "" };
    for (const { resource: told, scopeLogs } of request.resourceLogs) {
      const checked = this.#check(attributesOf(told?.attributes ?? []), sender);
      for (const log of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
        const record = checked.ok ? logEvent(log, checked.resource, nowNs) : undefined;
        add(batch, record, checked.ok ? "" : checked.reason);
      }
    }
    const kept = { ...batch, records: this.#options.taps.take(batch.records) };
    return this.#hand(kept, "logs", (sink, records) => sink.addLogs(records));
  }

  #takeMetrics(message: Uint8Array, sender: TelemetrySender): IntakeResult {
    const { figures, metrics } = this.#options;
    const taken = takeMetrics(message, (attributes) => this.#check(attributes, sender));
    const { bytes, resources, rejectedPoints: rejected, reason } = taken;
    if (resources.length > 0) {
      for (const [index, sink] of figures.entries()) {
        if (sink.addMetrics(bytes, resources) || index > 0) continue;
        return { kind: "busy", message: "too much waits to be stored" };
      }
    }
    metrics.received.with({ signal: "metrics" }).add(resources.length);
    return { kind: "taken", rejected, message: reason };
  }

  #check(attributes: ReturnType<typeof attributesOf>, sender: TelemetrySender): CheckedResource {
    return checkResource(attributes, sender, this.#options.proxies);
  }

  #hand<T>(
    { records, rejected, reason }: Batch<T>,
    signal: TelemetrySignal,
    give: (sink: TelemetrySink, records: readonly T[]) => void,
  ): IntakeResult {
    if (records.length > 0) for (const sink of this.#options.sinks) give(sink, records);
    this.#options.metrics.received.with({ signal }).add(records.length);
    return { kind: "taken", rejected, message: reason };
  }
}

function add<T>(batch: Batch<T>, record: T | undefined, reason: string): void {
  const isOver = batch.records.length >= TELEMETRY_RECORDS_PER_REQUEST_MAX;
  if (record !== undefined && !isOver) {
    batch.records.push(record);
    return;
  }
  batch.rejected += 1;
  batch.reason ||= isOver
    ? `more than ${TELEMETRY_RECORDS_PER_REQUEST_MAX} records in one request`
    : reason;
}

function tracesFrom(message: Uint8Array | string): ExportTraceServiceRequest {
  return typeof message === "string"
    ? otlpFromJson(ExportTraceServiceRequestSchema, message)
    : fromBinary(ExportTraceServiceRequestSchema, message);
}

function logsFrom(message: Uint8Array | string): ExportLogsServiceRequest {
  return typeof message === "string"
    ? otlpFromJson(ExportLogsServiceRequestSchema, message)
    : fromBinary(ExportLogsServiceRequestSchema, message);
}

function metricsFrom(message: Uint8Array | string): Uint8Array {
  if (typeof message !== "string") return message;
  const schema = ExportMetricsServiceRequestSchema;
  return toBinary(schema, otlpFromJson(schema, message));
}
