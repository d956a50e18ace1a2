/** What the control plane counts of the telemetry that it takes and keeps. */
import type { Counter, Gauge } from "../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../telemetry/metric-registry.ts";

export interface ReceiverMetrics {
  /** Label `signal`: traces, logs, metrics. Of metrics resources are counted. */
  readonly received: SeriesSource<Counter>;
  /** Label `signal`. */
  readonly rejected: SeriesSource<Counter>;
  /** Labels `signal` and `reason`: busy, malformed. */
  readonly refusedRequests: SeriesSource<Counter>;
  /** Label `signal`. */
  readonly dropped: SeriesSource<Counter>;
  readonly storeBytes: Gauge;
  /** 0 while the store cannot be written. */
  readonly storeUp: Gauge;
}

export function createReceiverMetrics(registry: MetricRegistry): ReceiverMetrics {
  return {
    received: registry.counter(
      "tulle_telemetry_received_total",
      "Spans, log records and resources with metrics that were taken, by signal.",
    ),
    rejected: registry.counter(
      "tulle_telemetry_rejected_total",
      "Spans, log records and points that contradict who sent them, or are too many, by signal.",
    ),
    refusedRequests: registry.counter(
      "tulle_telemetry_requests_refused_total",
      "Export requests that were not taken, by signal and reason.",
    ),
    dropped: registry.counter(
      "tulle_telemetry_dropped_total",
      "What was taken and could not be stored, by signal.",
    ),
    storeBytes: registry
      .gauge("tulle_telemetry_store_bytes", "Size of the telemetry store on disk.")
      .with({}),
    storeUp: registry
      .gauge("tulle_telemetry_store_up", "1 while the telemetry store can be written.")
      .with({}),
  };
}
