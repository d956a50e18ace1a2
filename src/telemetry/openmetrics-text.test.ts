/** The exposition with exemplars: what stands in it, who gets it, and that Prometheus's own reader takes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "./metric-registry.ts";
import { mergeSnapshots, snapshotOf } from "./metric-snapshot.ts";
import { openMetricsText, wantsOpenMetrics } from "./openmetrics-text.ts";
import { prometheusText } from "./prometheus-text.ts";
import { TraceContext } from "./trace/trace-context.ts";

const AT_MS = Date.UTC(2026, 0, 1) + 250;

function traced(trace: number, span: number): Int32Array {
  const context = new TraceContext();
  context.ids.set([0, 0, 0, trace, 0, span]);
  return context.ids;
}

function registryWith(value: number, trace: number, atMs: number): MetricRegistry {
  const registry = new MetricRegistry();
  registry.counter("requests_total", 'All "requests".').with({ code: "200" }).add(3);
  registry.counter("pilot_xds_pushes", "A counter without the end.").with({}).add(1);
  registry.gauge("open", "Open.").with({}).set(-2.5);
  const took = registry.histogram("took_milliseconds", "Took.", [1, 10]).with({ side: "in" });
  took.observe(0.5);
  took.addExemplar(took.observe(value), value, traced(trace, 0xbeef), atMs);
  return registry;
}

test("the text is what OpenMetrics 1.0 asks for", () => {
  const text = openMetricsText(snapshotOf(registryWith(5, 0xabc, AT_MS).families()));
  const trace = `trace_id="${"abc".padStart(32, "0")}",span_id="${"beef".padStart(16, "0")}"`;
  assert.equal(
    text,
    [
      "# TYPE open gauge",
      "# HELP open Open.",
      "open -2.5",
      "# TYPE pilot_xds_pushes unknown",
      "# HELP pilot_xds_pushes A counter without the end.",
      "pilot_xds_pushes 1.0",
      "# TYPE requests counter",
      '# HELP requests All \\"requests\\".',
      'requests_total{code="200"} 3.0',
      "# TYPE took_milliseconds histogram",
      "# HELP took_milliseconds Took.",
      'took_milliseconds_bucket{side="in",le="1.0"} 1',
      `took_milliseconds_bucket{side="in",le="10.0"} 2 # {${trace}} 5.0 1767225600.250`,
      'took_milliseconds_bucket{side="in",le="+Inf"} 2',
      'took_milliseconds_sum{side="in"} 5.5',
      'took_milliseconds_count{side="in"} 2',
      "# EOF",
      "",
    ].join("\n"),
  );
});

test("of several workers' exemplars of a bucket the newest is told, and the old text has none", () => {
  const merged = mergeSnapshots([
    structuredClone(snapshotOf(registryWith(5, 1, AT_MS + 1).families())),
    structuredClone(snapshotOf(registryWith(6, 2, AT_MS).families())),
    structuredClone(snapshotOf(registryWith(60, 3, AT_MS).families())),
  ]);
  const ids = [...openMetricsText(merged).matchAll(/le="([^"]+)".*trace_id="0*(\d)"/g)];
  assert.deepEqual(
    ids.map(([, le, id]) => [le, id]),
    [
      ["10.0", "1"],
      ["+Inf", "3"],
    ],
  );
  assert.doesNotMatch(prometheusText(registryWith(5, 1, AT_MS).families()), /trace_id|EOF/);
});

test("who asks for it gets it", () => {
  // As Prometheus 2.42 sends it.
  const prometheus =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  assert.ok(wantsOpenMetrics(prometheus));
  assert.ok(wantsOpenMetrics("application/openmetrics-text"));
  assert.ok(wantsOpenMetrics('application/openmetrics-text; version="1.0.0"; q=0.3, */*;q=0.2'));
  for (const accept of [
    undefined,
    "",
    "*/*",
    "text/plain",
    "text/html,*/*;q=0.8",
    "application/openmetrics-text;version=2.0.0",
    "application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9",
    "application/openmetrics-text;version=1.0.0;q=0",
    "application/openmetrics-text;version=1.0.0;q=x",
  ]) {
    assert.ok(!wantsOpenMetrics(accept), accept ?? "nothing");
  }
});
