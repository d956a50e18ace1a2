/** Families and series: one for each set of labels, and a bound that no peer can pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { METRIC_EXPIRY_INTERVAL_MS, METRIC_IDLE_MS, METRIC_SERIES_MAX } from "../core/limits.ts";
import { Counter } from "./counter.ts";
import { EXPIRES, MetricRegistry } from "./metric-registry.ts";

test("the same labels are the same series, in whatever order they are named", () => {
  const registry = new MetricRegistry();
  const counter = registry.counter("c_total", "A counter.");
  const series = counter.with({ a: "1", b: "2" });
  assert.equal(counter.with({ b: "2", a: "1" }), series);
  assert.notEqual(counter.with({ a: "2", b: "1" }), series);
  // Two labels that would look alike if names and values were just joined.
  assert.notEqual(counter.with({ a: "1,b=2" }), counter.with({ a: "1", b: "=2" }));
});

test("families are listed by name, each with its help and type", () => {
  const registry = new MetricRegistry();
  registry.histogram("c", "Third.");
  registry.gauge("a", "First.");
  registry.counter("b_total", "Second.");
  assert.deepEqual(
    registry.families().map(({ name, help, type }) => ({ name, help, type })),
    [
      { name: "a", help: "First.", type: "gauge" },
      { name: "b_total", help: "Second.", type: "counter" },
      { name: "c", help: "Third.", type: "histogram" },
    ],
  );
});

test("a name is declared once, and is one that Prometheus takes", () => {
  const registry = new MetricRegistry();
  registry.counter("a_total", "A counter.");
  assert.throws(() => registry.gauge("a_total", "Again."), /a_total is declared once/);
  assert.throws(() => registry.gauge("a-b", "With a dash."), /a-b is a metric name/);
});

test("looked-up values are brought up to date for each reading", () => {
  const registry = new MetricRegistry();
  const gauge = registry.gauge("reads", "Readings.").with({});
  registry.onCollect(() => gauge.set(gauge.value + 1));
  registry.families();
  registry.families();
  assert.equal(gauge.value, 2);
});

test("beyond the bound all label sets share one overflow series", () => {
  const registry = new MetricRegistry();
  const counter = registry.counter("c_total", "A counter.");
  for (let i = 0; i < METRIC_SERIES_MAX; i++) counter.with({ user: String(i), code: "200" }).add(1);
  const first = counter.with({ user: "one too many", code: "200" });
  const second = counter.with({ user: "another", code: "500" });
  first.add(1);
  second.add(1);
  assert.equal(first, second);
  assert.equal(first.value, 2);
  const [family, dropped] = registry.families();
  const told = [...(dropped?.series.values() ?? [])].map(({ labels, metric }) => [
    labels,
    metric instanceof Counter && metric.value,
  ]);
  assert.equal(dropped?.name, "tulle_metrics_dropped_series_total");
  assert.deepEqual(told, [[{ family: "c_total" }, 2]]);
  assert.equal(family?.series.size, METRIC_SERIES_MAX + 1);
  assert.deepEqual([...(family?.series.values() ?? [])].at(-1)?.labels, {
    user: "overflow",
    code: "overflow",
  });
  // Those that came before keep their own.
  assert.equal(counter.with({ user: "7", code: "200" }).value, 1);
});

test("one family's overflow leaves the others alone", () => {
  const registry = new MetricRegistry();
  const full = registry.counter("full_total", "A counter.");
  for (let i = 0; i <= METRIC_SERIES_MAX; i++) full.with({ user: String(i) });
  const other = registry.gauge("other", "A gauge.");
  assert.notEqual(other.with({ user: "1" }), other.with({ user: "2" }));
});

/** Looks for idle series once a minute, from `fromMs` on. */
function expireUntil(registry: MetricRegistry, fromMs: number, toMs: number): void {
  for (let ms = fromMs; ms <= toMs; ms += METRIC_EXPIRY_INTERVAL_MS) registry.expire(ms);
}

test("a series that was idle for a quarter of an hour is given up, and its holder can see it", () => {
  const registry = new MetricRegistry();
  const counter = registry.counter("c_total", "A counter.", EXPIRES);
  const sizes = registry.histogram("s", "A histogram.", [1], EXPIRES);
  const [idle, busy] = [counter.with({ a: "idle" }), counter.with({ a: "busy" })];
  const size = sizes.with({});
  idle.value = 1;
  size.observe(1);
  let ms = METRIC_EXPIRY_INTERVAL_MS;
  for (; ms < METRIC_IDLE_MS; ms += METRIC_EXPIRY_INTERVAL_MS) {
    busy.value += 1;
    registry.expire(ms);
  }
  assert.deepEqual([idle.isExpired, busy.isExpired, size.isExpired], [false, false, false]);
  busy.value += 1;
  expireUntil(registry, ms, METRIC_IDLE_MS * 1.5);
  assert.deepEqual([idle.isExpired, busy.isExpired, size.isExpired], [true, false, true]);
  assert.deepEqual(
    registry.families().map(({ series }) => series.size),
    [1, 0],
  );
  const again = counter.with({ a: "idle" });
  assert.notEqual(again, idle);
  assert.equal(again.value, 0);
});

test("families that do not expire keep what they have", () => {
  const registry = new MetricRegistry();
  const counter = registry.counter("c_total", "A counter.").with({});
  expireUntil(registry, METRIC_EXPIRY_INTERVAL_MS, METRIC_IDLE_MS * 3);
  assert.equal(counter.isExpired, false);
  assert.equal(registry.families()[0]?.series.size, 1);
});
