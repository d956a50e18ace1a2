/** What traces do, in numbers. */
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";

export interface TracingMetrics {
  readonly exported: Counter;
  /** The receiver is away or slow. */
  readonly dropped: Counter;
  readonly keptErrors: Counter;
  readonly keptSlow: Counter;
  /** Told because somebody else has kept their trace. */
  readonly wanted: Counter;
  /** Calls of the app, while it served requests, with their context and without. */
  readonly contextPassedOn: Counter;
  readonly contextLost: Counter;
}

export function createTracingMetrics(registry: MetricRegistry): TracingMetrics {
  const spans = registry.counter(
    "tulle_spans_total",
    "Spans by result: exported, or dropped because their receiver is away or slow.",
  );
  const kept = registry.counter(
    "tulle_spans_kept_total",
    "Spans told although nobody has sampled their trace, by reason: error, slow, or wanted with the trace of another.",
  );
  return {
    exported: spans.with({ result: "exported" }),
    dropped: spans.with({ result: "dropped" }),
    keptErrors: kept.with({ reason: "error" }),
    keptSlow: kept.with({ reason: "slow" }),
    wanted: kept.with({ reason: "wanted" }),
    contextPassedOn: registry
      .counter(
        "tulle_trace_context_passed_on_total",
        "Calls of the app, made while it served requests, that came with the context of a trace.",
      )
      .with({}),
    contextLost: registry
      .counter(
        "tulle_trace_context_lost_total",
        "Calls of the app, made while it served requests, that came without the context of a trace: their traces end here.",
      )
      .with({}),
  };
}
