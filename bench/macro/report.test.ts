/** The arithmetic of the report. */
import assert from "node:assert/strict";
import test from "node:test";
import { ratiosOf, type Sample, spreadOf, toMarkdown } from "./report.ts";

function sample(proxy: Sample["proxy"], round: number, cpuUsPerRequest: number): Sample {
  return {
    ...{ scenario: "plain", proxy, connections: 32, round, cpuUsPerRequest, failures: "" },
    ...{ requestsPerSecond: 30_000, p50Us: 900, p99Us: 2_000, startMs: 120 },
    ...{ idleMegabytes: 50, busyMegabytes: 70 },
  };
}

test("the spread of an even number of values has the mean of the middle two as its median", () => {
  assert.deepEqual(spreadOf([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([5]), { median: 5, min: 5, max: 5 });
  assert.throws(() => spreadOf([]), /no values/);
});

test("ratios are taken within a round", () => {
  // The second round was twice as slow for both: the ratio is 1.2 in each.
  const samples = [sample("tulle", 0, 12), sample("haproxy", 0, 10)];
  samples.push(sample("tulle", 1, 24), sample("haproxy", 1, 20));
  const [ratio] = ratiosOf(samples);
  assert.deepEqual(ratio, {
    ...{ scenario: "plain", connections: 32, against: "haproxy" },
    ...{ median: 1.2, min: 1.2, max: 1.2 },
  });
});

test("a proxy that failed requests is marked", () => {
  const failed = { ...sample("envoy", 0, 50), failures: "Non-2xx or 3xx responses: 7" };
  const text = toMarkdown([failed]);
  assert.match(text, /envoy \(requests failed\)/);
  assert.doesNotMatch(text, /against the others/);
});
