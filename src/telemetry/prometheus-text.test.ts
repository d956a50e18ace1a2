/** The exposition, read back by a strict parser, and by promtool where it is installed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { parsePrometheus } from "../../test/support/prometheus-parser.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { prometheusText } from "./prometheus-text.ts";

function sampleRegistry(): MetricRegistry {
  const registry = new MetricRegistry();
  const requests = registry.counter("requests_total", 'Help with \\ and "quotes"\nand two lines.');
  requests.with({ path: 'a"b\\c\nd', code: "200" }).add(3);
  requests.with({ path: "é", code: "500" }).add(1);
  registry.gauge("connections", "Without labels.").with({}).set(-2.5);
  const sizes = registry.histogram("size_bytes", "A histogram.", [1, 10]);
  for (const value of [0.5, 1, 5, 100]) sizes.with({ side: "in" }).observe(value);
  registry.counter("empty_total", "Without series.");
  return registry;
}

test("the text is exactly what the format asks for", () => {
  assert.equal(
    prometheusText(sampleRegistry().families()),
    [
      "# HELP connections Without labels.",
      "# TYPE connections gauge",
      "connections -2.5",
      '# HELP requests_total Help with \\\\ and "quotes"\\nand two lines.',
      "# TYPE requests_total counter",
      'requests_total{path="a\\"b\\\\c\\nd",code="200"} 3',
      'requests_total{path="é",code="500"} 1',
      "# HELP size_bytes A histogram.",
      "# TYPE size_bytes histogram",
      'size_bytes_bucket{side="in",le="1"} 2',
      'size_bytes_bucket{side="in",le="10"} 3',
      'size_bytes_bucket{side="in",le="+Inf"} 4',
      'size_bytes_sum{side="in"} 106.5',
      'size_bytes_count{side="in"} 4',
      "",
    ].join("\n"),
  );
});

test("numbers beyond all bounds are written as Prometheus reads them", () => {
  const registry = new MetricRegistry();
  const gauge = registry.gauge("g", "A gauge.");
  gauge.with({ v: "a" }).set(Number.POSITIVE_INFINITY);
  gauge.with({ v: "b" }).set(Number.NEGATIVE_INFINITY);
  gauge.with({ v: "c" }).set(Number.NaN);
  gauge.with({ v: "d" }).set(1e21);
  const samples = parsePrometheus(prometheusText(registry.families())).get("g")?.samples ?? [];
  assert.deepEqual(
    samples.map(({ value }) => value),
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21],
  );
});

test("any label value comes back as it was", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: "binary" }), { maxLength: 5 }), (values) => {
      const registry = new MetricRegistry();
      const counter = registry.counter("c_total", "A counter.");
      for (const value of values) counter.with({ value }).add(1);
      const family = parsePrometheus(prometheusText(registry.families())).get("c_total");
      const found = (family?.samples ?? []).map(({ labels }) => labels["value"]);
      assert.deepEqual(found, values);
    }),
  );
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;
if (!promtool) console.log("# not installed, so not asked: promtool check metrics");

test("promtool finds nothing wrong, where it is installed", () => {
  if (!promtool) return;
  const input = prometheusText(sampleRegistry().families());
  const { status, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
