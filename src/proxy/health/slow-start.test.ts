/** Slow start: Envoy's formula, and weights that grow while the clock goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PoolFixture } from "../../../test/support/pool-fixture.ts";
import { ManualClock } from "../../core/clock.ts";
import { SlowStart, slowStartFactor } from "./slow-start.ts";

const SETTINGS = { windowMs: 10_000, aggression: 1, factorMin: 0.1 };

test("the weight grows evenly from its least part", () => {
  const factors = [0, 500, 1_000, 2_500, 5_000, 9_999].map((ms) => slowStartFactor(SETTINGS, ms));
  assert.deepEqual(factors, [0.1, 0.1, 0.1, 0.25, 0.5, 0.9999]);
});

test("with aggression it grows faster at first", () => {
  const settings = { ...SETTINGS, aggression: 2 };
  assert.equal(slowStartFactor(settings, 2_500), 0.5);
  assert.equal(slowStartFactor(settings, 0), 0.1);
});

test("weights are brought up to date until the window is over", () => {
  const clock = new ManualClock();
  const { endpoint } = new PoolFixture();
  endpoint.healthySinceMs = 0;
  let changes = 0;
  const onChange = (): void => {
    changes += 1;
  };
  const slowStart = new SlowStart({ settings: SETTINGS, clock, onChange });
  slowStart.begin(endpoint);
  assert.equal(endpoint.weightFactor, 0.1);
  clock.advance(5_000);
  assert.equal(endpoint.weightFactor, 0.5);
  clock.advance(5_000);
  assert.equal(endpoint.weightFactor, 1);
  assert.equal(changes, 50);
  assert.equal(clock.pendingCount, 0);
});
