/** Metrics of several workers as one: exact sums, gauges by their rule, and counts of those that are gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "./metric-registry.ts";
import { countsOf, type FamilySnapshot, mergeSnapshots, snapshotOf } from "./metric-snapshot.ts";
import { prometheusText, snapshotText } from "./prometheus-text.ts";

function worker(observed: readonly number[], labels: Readonly<Record<string, string>>) {
  const registry = new MetricRegistry();
  const requests = registry.counter("requests_total", "Requests.");
  for (const _ of observed) requests.with(labels).value += 1;
  const durations = registry.histogram("duration", "Durations.", [1, 10]).with({});
  for (const value of observed) durations.observe(value);
  registry.gauge("open", "Open.").with({}).set(observed.length);
  registry.gauge("build", "Build.", "max").with({}).set(1);
  return registry;
}

/** As it comes over a channel between processes. */
function travelled(registry: MetricRegistry): readonly FamilySnapshot[] {
  return structuredClone(snapshotOf(registry.families()));
}

test("two workers are what one would have counted", () => {
  const both = mergeSnapshots([
    travelled(worker([0.5, 5, 50], { code: "200" })),
    travelled(worker([1, 100], { code: "200" })),
  ]);
  const one = worker([0.5, 5, 50, 1, 100], { code: "200" });
  assert.equal(snapshotText(both), prometheusText(one.families()));
});

test("series that only one worker has stay, in either order of labels", () => {
  const both = snapshotText(
    mergeSnapshots([
      travelled(worker([1], { a: "1", b: "2" })),
      travelled(worker([1], { b: "2", a: "1" })),
      travelled(worker([1, 1, 1], { a: "3", b: "2" })),
    ]),
  );
  assert.match(both, /^requests_total\{(?:a="1",b="2"|b="2",a="1")\} 2$/m);
  assert.match(both, /^requests_total\{a="3",b="2"\} 3$/m);
  assert.match(both, /^open 5$/m);
  assert.match(both, /^build 1$/m);
});

test("of a worker that is gone the counts stay and the gauges go", () => {
  const gone = countsOf(travelled(worker([1, 1], { code: "200" })));
  const text = snapshotText(mergeSnapshots([gone, travelled(worker([1], { code: "200" }))]));
  assert.match(text, /^requests_total\{code="200"\} 3$/m);
  assert.match(text, /^duration_count 3$/m);
  assert.match(text, /^open 1$/m);
});

test("nothing to merge is an empty page", () => {
  assert.equal(snapshotText(mergeSnapshots([])), "");
});
