/** Limits on connections: what a change of configuration keeps, and what each of several workers has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { ChainLimitMetrics, ChainLimits } from "./chain-limits.ts";
import type { ConnectionRule } from "./config/connection-rules.ts";

const atMost = (max: number): ConnectionRule => ({ kind: "active", policy: "p", max });
const rate = (tokensMax: number, intervalMs: number): ConnectionRule => ({
  ...{ kind: "rate", policy: "p", tokensMax, intervalMs },
});

function setUp(rules: readonly ConnectionRule[], workers = 1) {
  const time = { nowMs: 0 };
  const limits = new ChainLimits(rules, {
    metrics: new ChainLimitMetrics(new MetricRegistry()),
    workers,
    nowMs: () => time.nowMs,
  });
  const enter = (count: number): string[] =>
    Array.from({ length: count }, () => limits.enter()?.details ?? "in");
  return { time, limits, enter };
}

test("so many at a time, and a place that is left is another's", () => {
  const { limits, enter } = setUp([atMost(2)]);
  assert.deepEqual(enter(3), ["in", "in", "over_connection_limit"]);
  limits.onLeft();
  assert.deepEqual(enter(2), ["in", "over_connection_limit"]);
});

test("so many at once, then one in each interval", () => {
  const { time, enter } = setUp([rate(2, 100)]);
  assert.deepEqual(enter(3), ["in", "in", "local_ratelimit_close_over_limit"]);
  time.nowMs = 100;
  assert.deepEqual(enter(2), ["in", "local_ratelimit_close_over_limit"]);
});

test("what an earlier limit refuses takes no token, what a later one refuses has no place", () => {
  const { time, enter, limits } = setUp([atMost(1), rate(2, 100)]);
  assert.deepEqual(enter(2), ["in", "over_connection_limit"]);
  limits.onLeft();
  assert.deepEqual(enter(1), ["in"]);
  limits.onLeft();
  assert.deepEqual(enter(1), ["local_ratelimit_close_over_limit"]);
  time.nowMs = 100;
  assert.deepEqual(enter(1), ["in"]);
});

test("a change elsewhere gives nobody a full bucket, and open connections still count", () => {
  const { enter, limits } = setUp([rate(2, 100), atMost(9)]);
  assert.deepEqual(enter(2), ["in", "in"]);
  limits.configure([atMost(2), rate(2, 100)]);
  assert.deepEqual(enter(1), ["over_connection_limit"]);
  limits.configure([rate(2, 100)]);
  assert.deepEqual(enter(1), ["local_ratelimit_close_over_limit"]);
  limits.configure([]);
  assert.equal(limits.isEmpty, true);
});

test("workers divide limits, and each takes one at least", () => {
  const { enter, time } = setUp([atMost(5), rate(4, 100)], 2);
  assert.deepEqual(enter(3), ["in", "in", "over_connection_limit"]);
  time.nowMs = 200;
  assert.deepEqual(setUp([atMost(1), rate(1, 100)], 4).enter(2), ["in", "over_connection_limit"]);
});
