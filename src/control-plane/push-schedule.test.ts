import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { PushSchedule, type PushTrigger } from "./push-schedule.ts";

function setUp() {
  const clock = new ManualClock();
  const pushes: { readonly atMs: number; readonly triggers: readonly PushTrigger[] }[] = [];
  const schedule = new PushSchedule({
    clock,
    push: (triggers) => pushes.push({ atMs: clock.monotonicMs(), triggers: [...triggers] }),
  });
  return { clock, pushes, schedule };
}

test("a burst of configuration is one push, 100 ms after its last change", () => {
  const { clock, pushes, schedule } = setUp();
  schedule.trigger("config");
  clock.advance(60);
  schedule.trigger("config");
  clock.advance(99);
  assert.equal(pushes.length, 0);
  clock.advance(1);
  assert.deepEqual(pushes, [{ atMs: 160, triggers: ["config"] }]);
});

test("a trickle of configuration is pushed after a second at the latest", () => {
  const { clock, pushes, schedule } = setUp();
  for (let i = 0; i < 30; i++) {
    schedule.trigger("config");
    clock.advance(50);
  }
  assert.equal(pushes[0]?.atMs, 1000);
});

test("who may do what waits 20 ms, and 100 ms at the latest", () => {
  const { clock, pushes, schedule } = setUp();
  schedule.trigger("config");
  schedule.trigger("access");
  clock.advance(20);
  assert.deepEqual(pushes, [{ atMs: 20, triggers: ["config", "access"] }]);
  for (let i = 0; i < 20; i++) {
    schedule.trigger("access");
    clock.advance(10);
  }
  assert.equal(pushes[1]?.atMs, 120);
});

test("endpoints wait 30 ms and take pending configuration along", () => {
  const { clock, pushes, schedule } = setUp();
  schedule.trigger("config");
  schedule.trigger("endpoints");
  clock.advance(30);
  assert.deepEqual(pushes, [{ atMs: 30, triggers: ["config", "endpoints"] }]);
});

test("a removal does not wait", () => {
  const { clock, pushes, schedule } = setUp();
  schedule.trigger("endpoints");
  schedule.trigger("removal");
  clock.advance(0);
  assert.equal(pushes[0]?.atMs, 0);
});

test("nothing is pushed after the stop", () => {
  const { clock, pushes, schedule } = setUp();
  schedule.trigger("config");
  schedule.stop();
  schedule.trigger("removal");
  clock.advance(5000);
  assert.equal(pushes.length, 0);
});
