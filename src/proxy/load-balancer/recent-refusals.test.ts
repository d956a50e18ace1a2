/** What endpoints refuse counts as if it were under way there, for as long as it would have been. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import type { Candidate } from "./load-balancer.ts";
import { RecentRefusals } from "./recent-refusals.ts";
import { peakEwmaCost, TwoChoices } from "./two-choices.ts";

const LATENCY_MS = 100;

test("refusals at a steady rate stand for as many as would be under way", () => {
  const refusals = new RecentRefusals();
  for (let nowMs = 0; nowMs < 2_000; nowMs += 10) refusals.add(nowMs, LATENCY_MS);
  // One each 10 ms, each 100 ms long.
  assert.ok(Math.abs(refusals.loadAt(2_000, LATENCY_MS) - 10) < 1);
  assert.ok(refusals.loadAt(2_000 + 10 * LATENCY_MS, LATENCY_MS) < 0.01);
});

test("of an endpoint that never answered they fade at once", () => {
  const refusals = new RecentRefusals();
  refusals.add(1_000, 0);
  assert.equal(refusals.loadAt(1_000, 0), 1);
  assert.ok(refusals.loadAt(1_010, 0) < 0.001);
});

test("an endpoint that refuses at once does not get what the other one takes", () => {
  let nowMs = 0;
  const refusals = new RecentRefusals();
  const common = { info: { weight: 1 }, weightFactor: 1, waitingCount: 0, unreachableUntilMs: 0 };
  const latency = { ewmaMs: LATENCY_MS, ewmaAtMs: 0 };
  const refusing: Candidate = { ...common, ...latency, activeRequests: 0, refusals };
  const busy: Candidate = { ...common, ...latency, activeRequests: 10 };
  const inputs = { prng: new SeededPrng(1), nowMs: () => nowMs };
  const balancer = new TwoChoices<Candidate>(inputs, peakEwmaCost(inputs.nowMs));
  balancer.setEndpoints([refusing, busy]);
  let refused = 0;
  for (; nowMs < 1_000; nowMs += 1) {
    if (balancer.pick() !== refusing) continue;
    refused += 1;
    refusals.add(nowMs, LATENCY_MS);
  }
  // As many as keep it as busy as the other: 10 at a time, 100 ms each.
  assert.ok(refused > 50 && refused < 150, `${refused} of 1,000`);
});
