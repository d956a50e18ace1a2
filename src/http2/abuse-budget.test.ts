import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import {
  ABUSE_PERIOD_MS,
  CONCURRENT_STREAMS_MAX,
  DROPPED_FRAMES_MAX,
  DROPPED_FRAMES_PER_RESET,
  EMPTY_FRAMES_MAX,
  PINGS_MAX,
  PREMATURE_RESET_AGE_MS,
  PREMATURE_RESETS_MAX,
  PRIORITY_FRAMES_MAX,
  QUEUED_CONTROL_FRAMES_MAX,
  SETTINGS_FRAMES_MAX,
  WINDOW_UPDATES_MAX,
  WINDOW_UPDATES_PER_DATA_FRAME,
  WINDOW_UPDATES_PER_STREAM,
} from "../core/limits.ts";
import { type AbuseBound, AbuseBudget } from "./abuse-budget.ts";

/** The first of a flood's frames, counted from 1, that is one too many; `at` gives each its time. */
function trips(
  frame: (budget: AbuseBudget, nowMs: number) => AbuseBound | undefined,
  at: (index: number) => number,
  budget = new AbuseBudget(0, PREMATURE_RESETS_MAX),
): { bound: AbuseBound; frames: number } | undefined {
  for (let i = 0; i < 20_000; i++) {
    const bound = frame(budget, at(i));
    if (bound !== undefined) return { bound, frames: i + 1 };
  }
  return undefined;
}

interface Flood {
  readonly name: string;
  readonly bound: AbuseBound;
  readonly max: number;
  readonly frame: (budget: AbuseBudget, nowMs: number) => AbuseBound | undefined;
}

const FLOODS: readonly Flood[] = [
  {
    name: "rapid reset (T12, CVE-2023-44487)",
    bound: "prematureResets",
    max: PREMATURE_RESETS_MAX,
    frame: (budget, nowMs) => {
      budget.onStreamOpened(nowMs);
      return budget.onPeerReset(nowMs, 0);
    },
  },
  {
    name: "resets that the peer provokes (T13, CVE-2025-8671)",
    bound: "prematureResets",
    max: PREMATURE_RESETS_MAX,
    frame: (budget, nowMs) => {
      budget.onStreamOpened(nowMs);
      return budget.onProvokedReset(nowMs);
    },
  },
  {
    name: "PING (T16, CVE-2019-9512)",
    bound: "pings",
    max: PINGS_MAX,
    frame: (budget, nowMs) => budget.onPing(nowMs),
  },
  {
    name: "SETTINGS (T16, CVE-2019-9515)",
    bound: "settings",
    max: SETTINGS_FRAMES_MAX,
    frame: (budget, nowMs) => budget.onSettings(nowMs),
  },
  {
    name: "PRIORITY (T16, CVE-2019-9513)",
    bound: "priorities",
    max: PRIORITY_FRAMES_MAX,
    frame: (budget, nowMs) => budget.onPriority(nowMs),
  },
  {
    name: "WINDOW_UPDATE (T16)",
    bound: "windowUpdates",
    max: WINDOW_UPDATES_MAX,
    frame: (budget, nowMs) => budget.onWindowUpdate(nowMs),
  },
  {
    name: "empty frames (T16, CVE-2019-9518)",
    bound: "emptyFrames",
    max: EMPTY_FRAMES_MAX,
    frame: (budget, nowMs) => budget.onEmptyFrame(nowMs),
  },
  {
    name: "frames for streams that are gone",
    bound: "droppedFrames",
    max: DROPPED_FRAMES_MAX,
    frame: (budget, nowMs) => budget.onDroppedFrame(nowMs),
  },
];

describe("a flood of", () => {
  for (const { name, bound, max, frame } of FLOODS) {
    test(`${name} is over at ${max + 1}`, () => {
      assert.deepEqual(
        trips(frame, () => 5),
        { bound, frames: max + 1 },
      );
      // Whatever its rate and wherever periods begin, as long as two allowances come in one period.
      const gaps = fc.double({ min: 0, max: ABUSE_PERIOD_MS / max / 2, noNaN: true });
      fc.assert(
        fc.property(gaps, fc.nat(100_000), (gapMs, startMs) => {
          const found = trips(frame, (i) => startMs + i * gapMs);
          assert.equal(found?.bound, bound);
          assert.ok(found.frames <= 2 * (max + 1));
        }),
        { numRuns: 20 },
      );
    });

    test(`${name} at half of the rate is none`, () => {
      const gapMs = (2 * ABUSE_PERIOD_MS) / max;
      assert.equal(
        trips(frame, (i) => i * gapMs),
        undefined,
      );
    });
  }

  test("answers that the peer does not read (T17) is over, unless it reads", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    for (let i = 0; i < QUEUED_CONTROL_FRAMES_MAX; i++) {
      assert.equal(budget.onControlQueued(), undefined);
    }
    assert.equal(budget.onControlQueued(), "queuedControlFrames");
    budget.onControlFlushed();
    assert.equal(budget.onControlQueued(), undefined);
  });

  test("every kind has a reason that names its bound", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    for (const { bound, max } of FLOODS) {
      assert.match(budget.reasonOf(bound), new RegExp(`more than ${max} .* in 10 s$`));
    }
    assert.match(budget.reasonOf("queuedControlFrames"), /more than 1000 control frames/);
  });
});

describe("resets are no abuse", () => {
  test("when they are at most half of the streams", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    for (let i = 0; i < 10_000; i++) {
      budget.onStreamOpened(i);
      budget.onStreamOpened(i);
      assert.equal(budget.onPeerReset(i, 10), undefined);
    }
  });

  test("when the streams had lived: all watches of a client may end at once", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    for (let i = 0; i < 10_000; i++) {
      assert.equal(budget.onPeerReset(50_000, PREMATURE_RESET_AGE_MS), undefined);
    }
  });

  test("when all streams of a client are given up together", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    for (let i = 0; i < CONCURRENT_STREAMS_MAX; i++) budget.onStreamOpened(0);
    for (let i = 0; i < CONCURRENT_STREAMS_MAX; i++) {
      assert.equal(budget.onPeerReset(100, 100), undefined);
    }
  });

  test("when their streams were opened in the period before", () => {
    const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
    const lastMs = ABUSE_PERIOD_MS - 1;
    for (let i = 0; i < 400; i++) budget.onStreamOpened(lastMs);
    for (let i = 0; i < 200; i++) {
      assert.equal(budget.onPeerReset(ABUSE_PERIOD_MS + 1, 2), undefined);
    }
  });
});

describe("what streams, data and resets earn", () => {
  test("comes on top of the allowance, in this period and the next", () => {
    const opened = (b: AbuseBudget): void => b.onStreamOpened(0);
    const sent = (b: AbuseBudget): void => b.onDataSent(0, 1);
    const reset = (b: AbuseBudget): void => b.onOwnReset(0);
    const update = (b: AbuseBudget): AbuseBound | undefined => b.onWindowUpdate(1);
    const earnings = [
      [sent, (b: AbuseBudget) => b.onPing(1), PINGS_MAX, 1],
      [opened, (b: AbuseBudget) => b.onPriority(1), PRIORITY_FRAMES_MAX, PRIORITY_FRAMES_MAX],
      [sent, update, WINDOW_UPDATES_MAX, WINDOW_UPDATES_PER_DATA_FRAME],
      [opened, update, WINDOW_UPDATES_MAX, WINDOW_UPDATES_PER_STREAM],
      [opened, (b: AbuseBudget) => b.onEmptyFrame(1), EMPTY_FRAMES_MAX, 1],
      [
        reset,
        (b: AbuseBudget) => b.onDroppedFrame(1),
        DROPPED_FRAMES_MAX,
        DROPPED_FRAMES_PER_RESET,
      ],
    ] as const;
    for (const [earn, spend, max, each] of earnings) {
      const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
      for (let i = 0; i < 7; i++) earn(budget);
      const found = trips(spend, () => 0, budget);
      assert.equal(found?.frames, max + 7 * each + 1);
    }
  });

  test("is gone after the next, and after a pause", () => {
    const pingsAfter = (timesMs: readonly number[]) => {
      const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
      for (let i = 0; i < 500; i++) budget.onDataSent(0, 1);
      for (const nowMs of timesMs) budget.onSettings(nowMs);
      const lastMs = timesMs.at(-1) ?? 0;
      return trips(
        (one, nowMs) => one.onPing(nowMs),
        () => lastMs,
        budget,
      )?.frames;
    };
    assert.equal(pingsAfter([ABUSE_PERIOD_MS]), PINGS_MAX + 501);
    assert.equal(pingsAfter([ABUSE_PERIOD_MS, 2 * ABUSE_PERIOD_MS]), PINGS_MAX + 1);
    assert.equal(pingsAfter([2 * ABUSE_PERIOD_MS]), PINGS_MAX + 1);
  });
});

describe("a peer that behaves", () => {
  /** A request with its answer; a cancelled one is given up early. */
  const request = fc.record({
    gapMs: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(3_000)),
    isCancelled: fc.boolean(),
    ageMs: fc.nat(2_000),
    dataFrames: fc.nat(12),
    updatesPerFrame: fc.nat(WINDOW_UPDATES_PER_DATA_FRAME),
    isMeasuring: fc.boolean(),
    hasPriority: fc.boolean(),
    hasEmptyFrame: fc.boolean(),
    lateFrames: fc.nat(60),
  });
  type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

  function fine(bound: AbuseBound | undefined): void {
    assert.equal(bound, undefined);
  }

  function answer(budget: AbuseBudget, nowMs: number, one: Request): void {
    for (let i = 0; i < one.dataFrames; i++) {
      budget.onDataSent(nowMs, 1);
      if (one.isMeasuring) fine(budget.onPing(nowMs));
      for (let k = 0; k < one.updatesPerFrame; k++) fine(budget.onWindowUpdate(nowMs));
      fine(budget.onControlQueued());
    }
    budget.onControlFlushed();
  }

  /** Late, by us, because a deadline has passed; early, by the peer. */
  function giveUp(budget: AbuseBudget, nowMs: number, one: Request): void {
    if (one.ageMs < PREMATURE_RESET_AGE_MS) {
      fine(budget.onPeerReset(nowMs, one.ageMs));
      return;
    }
    budget.onOwnReset(nowMs);
    for (let i = 0; i < one.lateFrames; i++) fine(budget.onDroppedFrame(nowMs));
  }

  test("never goes over a bound, at any rate", () => {
    const requests = fc.array(request, { minLength: 50, maxLength: 500, size: "max" });
    fc.assert(
      fc.property(requests, (script) => {
        const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
        let nowMs = 0;
        fine(budget.onSettings(0));
        fine(budget.onSettings(0));
        for (const [index, one] of script.entries()) {
          nowMs += one.gapMs;
          budget.onStreamOpened(nowMs);
          if (one.hasPriority) fine(budget.onPriority(nowMs));
          if (one.hasEmptyFrame) fine(budget.onEmptyFrame(nowMs));
          answer(budget, nowMs, one);
          if (one.isCancelled && index % 2 === 1) giveUp(budget, nowMs, one);
        }
      }),
      { numRuns: 60 },
    );
  });
});
