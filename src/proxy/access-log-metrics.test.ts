/** Lost lines are counted where they can be seen. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { LineWriter } from "../telemetry/line-writer.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { prometheusText } from "../telemetry/prometheus-text.ts";
import { registerAccessLogMetrics } from "./access-log-metrics.ts";

test("each file's lost lines are a series", () => {
  const registry = new MetricRegistry();
  const writer = new LineWriter(new PassThrough(), new ManualClock());
  registerAccessLogMetrics(registry, new Map([["/var/log/a", writer]]));
  writer.dropped = 3;
  const text = prometheusText(registry.families());
  assert.match(text, /^tulle_access_log_lines_dropped_total\{path="\/var\/log\/a"\} 3$/m);
});
