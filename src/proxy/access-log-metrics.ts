/** Access log lines that nobody will read, as a metric: a log that loses lines must say so somewhere else. */
import type { LineWriter } from "../telemetry/line-writer.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

export function registerAccessLogMetrics(
  registry: MetricRegistry,
  writers: ReadonlyMap<string, LineWriter>,
): void {
  const dropped = registry.counter(
    "tulle_access_log_lines_dropped_total",
    "Lines given up because their file was slow or broken, by path.",
  );
  registry.onCollect(() => {
    for (const [path, writer] of writers) dropped.with({ path }).value = writer.dropped;
  });
}
