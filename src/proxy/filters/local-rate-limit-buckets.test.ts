import assert from "node:assert/strict";
import { test } from "node:test";
import type { LimitSpec } from "../../decision/filters/local-rate-limit-rule.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { BucketStore, LimitBuckets } from "./local-rate-limit-buckets.ts";
import { createRateLimitMetrics } from "./local-rate-limit-metrics.ts";

const options = {
  policy: "default/limits",
  metrics: createRateLimitMetrics(new MetricRegistry()),
  workers: 1,
};

function spec(fields: Partial<LimitSpec> = {}): LimitSpec {
  return { key: "k", rule: "r", tokensMax: 2, intervalMs: 100, valuesMax: 0, ...fields };
}

test("each of several workers has its part, and at least one token", () => {
  for (const [tokensMax, workers, atOnce, waitMs] of [
    [8, 4, 2, 400],
    [2, 4, 1, 400],
    [0, 4, 0, Number.POSITIVE_INFINITY],
  ] as const) {
    const buckets = new LimitBuckets(spec({ tokensMax }), { ...options, workers }, 0);
    const bucket = buckets.bucketFor("", 0);
    let taken = 0;
    for (; bucket.has(0); taken++) bucket.take(0);
    assert.equal(taken, atOnce);
    if (tokensMax === 8 || tokensMax === 0) assert.equal(bucket.waitMs(0), waitMs);
  }
});

test("limits that say the same have the same bucket, others have another", () => {
  const store = new BucketStore();
  const first = store.bucketsOf(spec(), options, 0);
  assert.equal(store.bucketsOf(spec(), options, 0), first);
  assert.notEqual(store.bucketsOf(spec({ key: "other" }), options, 0), first);
  const ofOther = { ...options, policy: "default/others" };
  assert.notEqual(store.bucketsOf(spec(), ofOther, 0), first);
});

test("limits that are gone are forgotten when they are full, and no others", () => {
  const store = new BucketStore();
  const kept = spec({ key: "kept", intervalMs: 1e9 });
  store.bucketsOf(kept, options, 0).bucketFor("", 0).take(0);
  const idle = spec({ key: "idle" });
  const forgotten = store.bucketsOf(idle, options, 0);
  for (let i = 0; i < 1_000; i++) store.bucketsOf(spec({ key: `k${i}` }), options, 0);
  const again = store.bucketsOf({ ...kept }, options, 0);
  assert.equal(again.bucketFor("", 0).remaining(0), 1);
  assert.equal(forgotten.isListed, false);
  // A limit that is still in force finds its way back.
  assert.equal(store.bucketsOf(idle, options, 0), forgotten);
  assert.equal(store.bucketsOf({ ...idle }, options, 0), forgotten);
});
