/** What exporters count, of themselves. */
import type { Counter, Gauge } from "../../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../../telemetry/metric-registry.ts";
import type { ExportSignal } from "./export-target.ts";

/** Why a record was not sent. */
export const DROP_REASONS = ["buffer-full", "refused", "stopped"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface ExportMetrics {
  readonly records: SeriesSource<Counter>;
  readonly dropped: SeriesSource<Counter>;
  readonly failures: SeriesSource<Counter>;
  readonly bufferRecords: SeriesSource<Gauge>;
  readonly bufferBytes: SeriesSource<Gauge>;
}

/** The series of one exporter and signal. */
export interface PipeMetrics {
  readonly records: Counter;
  readonly dropped: Readonly<Record<DropReason, Counter>>;
  readonly failures: Counter;
  readonly bufferRecords: Gauge;
  readonly bufferBytes: Gauge;
}

export function createExportMetrics(registry: MetricRegistry): ExportMetrics {
  return {
    records: registry.counter(
      "tulle_export_records_total",
      "Records that an exporter's target has taken, by exporter and signal.",
    ),
    dropped: registry.counter(
      "tulle_export_dropped_records_total",
      "Records that a target does not get, by exporter, signal and reason: buffer-full, refused, stopped.",
    ),
    failures: registry.counter(
      "tulle_export_failures_total",
      "Tries to send a batch that failed and are repeated, by exporter and signal.",
    ),
    bufferRecords: registry.gauge(
      "tulle_export_buffer_records",
      "Records that wait to be sent, by exporter and signal.",
    ),
    bufferBytes: registry.gauge(
      "tulle_export_buffer_bytes",
      "Bytes that wait to be sent, by exporter and signal.",
    ),
  };
}

export function pipeMetrics(
  metrics: ExportMetrics,
  exporter: string,
  signal: ExportSignal,
): PipeMetrics {
  const labels = { exporter, signal };
  const dropped = (reason: DropReason): Counter => metrics.dropped.with({ ...labels, reason });
  return {
    records: metrics.records.with(labels),
    dropped: {
      "buffer-full": dropped("buffer-full"),
      refused: dropped("refused"),
      stopped: dropped("stopped"),
    },
    failures: metrics.failures.with(labels),
    bufferRecords: metrics.bufferRecords.with(labels),
    bufferBytes: metrics.bufferBytes.with(labels),
  };
}
