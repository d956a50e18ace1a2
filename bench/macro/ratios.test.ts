/** The arithmetic of the report. */
import assert from "node:assert/strict";
import test from "node:test";
import { ratiosOf, spreadOf, variantRatiosOf } from "./ratios.ts";
import { sample } from "./sample-fixtures.ts";

test("the spread of an even number of values has the mean of the middle two as its median", () => {
  assert.deepEqual(spreadOf([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([5]), { median: 5, min: 5, max: 5 });
  assert.throws(() => spreadOf([]), /no values/);
});

test("ratios are taken within a round", () => {
  // The second round was twice as slow for both: the ratio is 1.2 in each.
  const samples = [
    sample({ proxy: "tulle", round: 0, cpuUsPerRequest: 12 }),
    sample({ proxy: "haproxy", round: 0, cpuUsPerRequest: 10 }),
    sample({ proxy: "tulle", round: 1, cpuUsPerRequest: 24 }),
    sample({ proxy: "haproxy", round: 1, cpuUsPerRequest: 20 }),
  ];
  assert.deepEqual(ratiosOf(samples, "cpu"), [
    {
      ...{ scenario: "plain", connections: 32, variant: "", measure: "cpu" },
      ...{ against: "haproxy" },
      ...{ median: 1.2, min: 1.2, max: 1.2 },
    },
  ]);
});

test("throughput for the same CPU is more where a request costs less", () => {
  const samples = [
    sample({ scenario: "bodies", proxy: "tulle", cpuUsPerRequest: 500 }),
    sample({ scenario: "bodies", proxy: "haproxy", cpuUsPerRequest: 400 }),
  ];
  assert.equal(ratiosOf(samples, "throughput")[0]?.median, 0.8);
});

test("a variant is compared with the first one of the same proxy in the same round", () => {
  const of = (proxy: "tulle" | "envoy", variant: string, round: number, cpuUsPerRequest: number) =>
    sample({ scenario: "routes", proxy, variant, round, cpuUsPerRequest });
  const samples = [
    ...[of("tulle", "10", 0, 10), of("tulle", "1000", 0, 11)],
    ...[of("tulle", "1000", 1, 24), of("tulle", "10", 1, 20)],
    ...[of("envoy", "10", 0, 20), of("envoy", "1000", 0, 60)],
  ];
  const common = { scenario: "routes", connections: 32, variant: "1000", against: "10" };
  assert.deepEqual(variantRatiosOf(samples), [
    { ...common, proxy: "tulle", ...spreadOf([1.1, 1.2]) },
    { ...common, proxy: "envoy", median: 3, min: 3, max: 3 },
  ]);
  const against = ratiosOf(samples, "cpu").map(({ variant, median }) => [variant, median]);
  assert.deepEqual(against, [
    ["10", 0.5],
    ["1000", 11 / 60],
  ]);
});

test("a variant may be compared with several", () => {
  const of = (variant: string, cpuUsPerRequest: number) =>
    sample({ scenario: "endpoints", variant, cpuUsPerRequest });
  const ratios = variantRatiosOf([of("10", 10), of("100x10", 20), of("1000", 22)]);
  assert.deepEqual(
    ratios.map(({ variant, against, median }) => [variant, against, median]),
    [
      ["100x10", "10", 2],
      ["1000", "10", 2.2],
      ["1000", "100x10", 1.1],
    ],
  );
});
