/** The wheel against the plainest model: a list of deadlines. Time is a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Clock, ManualClock, type Timer } from "./clock.ts";
import { TimerEntry, TimerWheel } from "./timer-wheel.ts";

const TICK_MS = 20;
/** What the runtime's timers need, see the wheel. */
const SLACK_MS = 1;

/** A tick until it is placed and a tick of rounding, each with the slack. */
function latestMs(delayMs: number): number {
  return delayMs + 2 * (TICK_MS + SLACK_MS);
}

/** Timers that the system runs late, by as much as `lateMs` says at the time. */
class LateClock implements Clock {
  readonly #clock = new ManualClock();
  lateMs = 0;

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#clock.schedule(delayMs + this.lateMs, callback);
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  get pendingCount(): number {
    return this.#clock.pendingCount;
  }
}

test("fires once, never early, at most two ticks late", () => {
  for (const delayMs of [0, 0.5, 1, 19, 20, 21, 1_000, 20_479, 20_480, 20_481, 100_000]) {
    for (const startMs of [0, 1, 7.5, 19.9]) {
      const clock = new ManualClock();
      const wheel = new TimerWheel(clock, TICK_MS);
      const keepsTicking = new TimerEntry(() => {});
      wheel.arm(keepsTicking, 1_000_000);
      clock.advance(TICK_MS + SLACK_MS + startMs);
      const armedMs = clock.monotonicMs();
      let firedMs = -1;
      let count = 0;
      const entry = new TimerEntry(() => {
        firedMs = clock.monotonicMs();
        count += 1;
      });
      wheel.arm(entry, delayMs);
      clock.advance(delayMs + 10 * TICK_MS);
      assert.equal(count, 1);
      assert.ok(firedMs - armedMs >= delayMs, `${delayMs} ms fired after ${firedMs - armedMs}`);
      assert.ok(firedMs - armedMs <= latestMs(delayMs), `${delayMs}: ${firedMs - armedMs}`);
    }
  }
});

test("a timeout armed while a tick is overdue is not early", () => {
  const clock = new LateClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  // The process is held up for 100 ms: ticks are due, and a request arrives before they are worked off.
  clock.lateMs = 100;
  wheel.arm(new TimerEntry(() => {}), 10_000);
  clock.advance(90);
  let firedMs = -1;
  const armedMs = clock.monotonicMs();
  const entry = new TimerEntry(() => {
    firedMs = clock.monotonicMs();
  });
  wheel.arm(entry, 40);
  clock.lateMs = 0;
  clock.advance(200);
  assert.ok(firedMs - armedMs >= 40, `fired after ${firedMs - armedMs} ms`);
});

test("disarming stops it, re-arming moves it, and neither needs it to be armed", () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  let count = 0;
  const entry = new TimerEntry(() => {
    count += 1;
  });
  wheel.disarm(entry);
  wheel.arm(entry, 100);
  assert.equal(entry.isArmed, true);
  wheel.disarm(entry);
  wheel.disarm(entry);
  assert.equal(entry.isArmed, false);
  clock.advance(1_000);
  assert.equal(count, 0);
  wheel.arm(entry, 100);
  clock.advance(80);
  wheel.arm(entry, 100);
  clock.advance(80);
  assert.equal(count, 0);
  clock.advance(80);
  assert.equal(count, 1);
  assert.equal(entry.isArmed, false);
});

test("the wheel ticks only while something is armed", () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  assert.equal(clock.pendingCount, 0);
  const entry = new TimerEntry(() => {});
  wheel.arm(entry, 50);
  assert.equal(wheel.armedCount, 1);
  assert.equal(clock.pendingCount, 1);
  clock.advance(1_000);
  assert.equal(wheel.armedCount, 0);
  assert.equal(clock.pendingCount, 0);
  wheel.arm(entry, 50);
  wheel.disarm(entry);
  clock.advance(100);
  assert.equal(clock.pendingCount, 0);
});

test("one that fires may disarm, re-arm and arm others, itself included", () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  const fired: string[] = [];
  const other: TimerEntry = new TimerEntry(() => {
    fired.push("other");
    wheel.disarm(first);
  });
  const first: TimerEntry = new TimerEntry(() => {
    fired.push("first");
    wheel.disarm(other);
  });
  wheel.arm(first, 100);
  wheel.arm(other, 100);
  clock.advance(1_000);
  assert.equal(fired.length, 1, "whichever fires first stops the other, both being due");
  fired.length = 0;
  const again: TimerEntry = new TimerEntry(() => {
    fired.push("again");
    if (fired.length < 3) wheel.arm(again, 0);
  });
  wheel.arm(again, 0);
  clock.advance(1_000);
  assert.equal(fired.length, 3);
});

test("a callback that throws costs the others nothing", () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  let count = 0;
  const counting = (): TimerEntry => new TimerEntry(() => (count += 1));
  const throwing = new TimerEntry(() => {
    throw new Error("broken");
  });
  for (const entry of [counting(), throwing, counting()]) wheel.arm(entry, 10);
  wheel.arm(counting(), 500);
  assert.throws(() => clock.advance(100), /broken/);
  clock.advance(1_000);
  assert.equal(count, 3);
});

test("a process that was held up for longer than a turn fires everything, late", () => {
  const clock = new LateClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  let count = 0;
  for (const delayMs of [10, 5_000, 15_000]) wheel.arm(new TimerEntry(() => (count += 1)), delayMs);
  clock.advance(50);
  clock.lateMs = 60_000;
  clock.advance(70_000);
  clock.lateMs = 0;
  clock.advance(70_000);
  assert.equal(count, 3);
  assert.equal(clock.pendingCount, 0);
});

type Step =
  | { readonly kind: "arm"; readonly id: number; readonly delayMs: number }
  | { readonly kind: "disarm"; readonly id: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "late"; readonly ms: number };

const ENTRIES = 6;
const id = fc.nat(ENTRIES - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("arm" as const),
    id,
    delayMs: fc.oneof(fc.nat(100), fc.nat(2_000), fc.integer({ min: 20_000, max: 70_000 })),
  }),
  fc.record({ kind: fc.constant("disarm" as const), id }),
  fc.record({
    kind: fc.constant("advance" as const),
    ms: fc.oneof(fc.nat(30), fc.nat(500), fc.nat(30_000)),
  }),
  fc.record({ kind: fc.constant("late" as const), ms: fc.nat(150) }),
);

interface Modelled {
  armedMs: number;
  delayMs: number;
  /** What its callback does to the next entry. */
  readonly onFire: "nothing" | "disarm-next" | "arm-next" | "arm-itself";
}

test("any sequence of arming, disarming and late ticks agrees with a list of deadlines", () => {
  const reactions = fc.array(
    fc.constantFrom<Modelled["onFire"]>("nothing", "disarm-next", "arm-next", "arm-itself"),
    { minLength: ENTRIES, maxLength: ENTRIES },
  );
  fc.assert(
    fc.property(reactions, fc.array(step, { maxLength: 40 }), (onFire, steps) => {
      runModel(onFire, steps);
    }),
    { numRuns: 300 },
  );
});

function runModel(onFire: readonly Modelled["onFire"][], steps: readonly Step[]): void {
  const clock = new LateClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  const model = new Map<number, Modelled>();
  let lateMsMax = 0;
  const arm = (index: number, delayMs: number): void => {
    wheel.arm(entries[index]!, delayMs);
    model.set(index, { armedMs: clock.monotonicMs(), delayMs, onFire: onFire[index]! });
  };
  const disarm = (index: number): void => {
    wheel.disarm(entries[index]!);
    model.delete(index);
  };
  const onTimeout = (index: number): void => {
    const modelled = model.get(index);
    assert.ok(modelled !== undefined, "only what is armed fires");
    model.delete(index);
    const elapsedMs = clock.monotonicMs() - modelled.armedMs;
    assert.ok(elapsedMs >= modelled.delayMs, `early: ${elapsedMs} of ${modelled.delayMs}`);
    const next = (index + 1) % ENTRIES;
    if (modelled.onFire === "disarm-next") disarm(next);
    if (modelled.onFire === "arm-next") arm(next, 70);
    if (modelled.onFire === "arm-itself") arm(index, 130);
  };
  const entries = Array.from(
    { length: ENTRIES },
    (_, index) => new TimerEntry(() => onTimeout(index)),
  );
  for (const action of steps) {
    if (action.kind === "arm") arm(action.id, action.delayMs);
    else if (action.kind === "disarm") disarm(action.id);
    else if (action.kind === "late") clock.lateMs = action.ms;
    else clock.advance(action.ms);
    lateMsMax = Math.max(lateMsMax, clock.lateMs);
    for (const { armedMs, delayMs } of model.values()) {
      // A late tick delays what it would have placed, and what it would have fired.
      const boundMs = latestMs(delayMs) + 2 * lateMsMax;
      assert.ok(clock.monotonicMs() - armedMs <= boundMs, "overdue");
    }
    assert.equal(wheel.armedCount, model.size);
    for (const [index, entry] of entries.entries()) assert.equal(entry.isArmed, model.has(index));
  }
}
