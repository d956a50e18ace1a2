import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import type { ExitStatus } from "./process-group.ts";
import { type RestartPolicy, RestartSchedule } from "./restart-policy.ts";

const OK: ExitStatus = { kind: "exited", code: 0 };
const FAILED: ExitStatus = { kind: "exited", code: 3 };
const KILLED: ExitStatus = { kind: "killed", signal: "SIGKILL" };
const MISSING: ExitStatus = { kind: "not-started", message: "x was not found", isMissing: true };

function schedule(policy: RestartPolicy, draw = 1) {
  const clock = new ManualClock();
  const prng = { next: () => draw };
  return { clock, restarts: new RestartSchedule({ policy, clock, prng }) };
}

test("each policy restarts what it says", () => {
  const expected: readonly (readonly [RestartPolicy, readonly ExitStatus[]])[] = [
    ["always", [OK, FAILED, KILLED]],
    ["on-failure", [FAILED, KILLED]],
    ["never", []],
  ];
  const all: readonly ExitStatus[] = [OK, FAILED, KILLED, MISSING];
  for (const [policy, restarted] of expected) {
    for (const status of all) {
      const decision = schedule(policy).restarts.ended(status);
      assert.equal(decision.kind, restarted.includes(status) ? "restart" : "give-up", policy);
    }
  }
});

test("delays double up to half a minute, and begin anew after a run of ten seconds", () => {
  const { clock, restarts } = schedule("always");
  const delays: number[] = [];
  for (let crash = 0; crash < 8; crash++) {
    restarts.started();
    clock.advance(50);
    const decision = restarts.ended(FAILED);
    assert.ok(decision.kind === "restart");
    delays.push(decision.delayMs);
  }
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  restarts.started();
  clock.advance(10_000);
  assert.deepEqual(restarts.ended(FAILED), { kind: "restart", delayMs: 500 });
});

test("no draw of the jitter makes a crashing app spin", () => {
  const { restarts } = schedule("always", 0);
  assert.deepEqual(restarts.ended(FAILED), { kind: "restart", delayMs: 100 });
});
