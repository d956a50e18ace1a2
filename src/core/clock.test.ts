/** The manual clock, on which every test of timing stands, and the system's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, systemClock } from "./clock.ts";

test("a manual clock moves both times, and only when told", () => {
  const clock = new ManualClock(1_000);
  assert.equal(clock.nowMs(), 1_000);
  assert.equal(clock.monotonicMs(), 0);
  clock.advance(2.5);
  assert.equal(clock.nowMs(), 1_002.5);
  assert.equal(clock.monotonicMs(), 2.5);
});

test("timers run in order of their time, at their time, in order of their making when equal", () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name}@${clock.monotonicMs()}`);
  clock.schedule(20, note("b"));
  clock.schedule(10, note("a"));
  clock.schedule(20, note("c"));
  clock.schedule(30, note("late"));
  clock.advance(20);
  assert.deepEqual(ran, ["a@10", "b@20", "c@20"]);
  assert.equal(clock.pendingCount, 1);
});

test("timers that timers start run in the same advance when they fall due in it", () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  const again = (): void => {
    ran.push(clock.monotonicMs());
    clock.schedule(10, again);
  };
  clock.schedule(10, again);
  clock.advance(35);
  assert.deepEqual(ran, [10, 20, 30]);
  assert.equal(clock.monotonicMs(), 35);
});

test("a cancelled timer never runs, also when a timer of the same time cancels it", () => {
  const clock = new ManualClock();
  let ran = false;
  clock.schedule(10, () => second.cancel());
  const second = clock.schedule(10, () => {
    ran = true;
  });
  clock.advance(100);
  assert.equal(ran, false);
  assert.equal(clock.pendingCount, 0);
});

test("a negative delay means now", () => {
  const clock = new ManualClock();
  let ran = false;
  clock.schedule(-5, () => {
    ran = true;
  });
  clock.advance(0);
  assert.equal(ran, true);
});

test("the system clock runs a timer once, and not at once for a delay beyond 32 bits", async () => {
  const tooLong = systemClock.schedule(2 ** 40, () => assert.fail("fired at once"));
  const cancelled = systemClock.schedule(0, () => assert.fail("was cancelled"));
  cancelled.cancel();
  // The clock's own timers keep no process alive.
  const keepsAlive = setInterval(() => {}, 1_000);
  await new Promise<void>((resolve) => {
    systemClock.schedule(0, resolve);
  });
  clearInterval(keepsAlive);
  tooLong.cancel();
  assert.ok(systemClock.monotonicMs() > 0);
});
