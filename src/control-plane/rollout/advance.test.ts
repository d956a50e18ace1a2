import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import {
  advance,
  initialState,
  isOver,
  liveService,
  NOTHING_OBSERVED,
  type Observation,
} from "./advance.ts";
import type { GateReading } from "./gate-reading.ts";
import { command, ROLLOUT_ACTIONS, type RolloutAction } from "./rollout-command.ts";
import type { Gate, PlanStep, RolloutPlan } from "./rollout-plan.ts";

const START_MS = Date.UTC(2026, 0, 1);
const GATE: Gate = { name: "rate", measure: { kind: "success-rate" }, min: 99, max: undefined };

function step(weight: number, changes: Partial<PlanStep> = {}): PlanStep {
  return {
    title: `${weight} %`,
    weight,
    isPreviewed: false,
    pauseMs: 10_000,
    gates: [],
    ...changes,
  };
}

function planOf(steps: readonly PlanStep[], changes: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    stableService: "v1",
    canaryService: "v2",
    steps,
    intervalMs: 1000,
    failureLimit: 0,
    minRequests: 10,
    progressDeadlineMs: 60_000,
    isPaused: false,
    ...changes,
  };
}

const SERVING: Observation = { stableServing: 1, canaryServing: 1, ...NOTHING_OBSERVED };

function looked(reading: GateReading): Observation {
  return { ...SERVING, readings: new Map([[GATE.name, reading]]) };
}

const PASSED = looked({ verdict: "Passed", value: "100 %" });
const FAILED = looked({ verdict: "Failed", value: "50 %" });
const UNCLEAR = looked({ verdict: "Inconclusive", value: "3 of 10 requests" });

/** A run from its beginning, a second between observations. */
function run(plan: RolloutPlan, observations: readonly Observation[]): RolloutState {
  return observations.reduce(
    (state, observation, index) => advance(plan, state, observation, START_MS + index * 1000),
    initialState(plan, START_MS),
  );
}

function reasons(state: RolloutState): readonly string[] {
  return state.events.map(({ reason }) => reason);
}

function told(plan: RolloutPlan, state: RolloutState, action: RolloutAction, nowMs: number) {
  const result = command(plan, state, action, nowMs);
  assert.ok(result.ok, JSON.stringify(result));
  return result.state;
}

test("nothing goes to the canary before it has an instance; too long without one rolls back", () => {
  const plan = planOf([step(10)]);
  const nobody = { ...SERVING, canaryServing: 0 };
  const waiting = run(plan, Array(60).fill(nobody));
  assert.equal(waiting.phase, "Pending");
  assert.deepEqual(waiting.weights, { stable: 100, canary: 0 });
  const late = advance(plan, waiting, nobody, START_MS + 61_000);
  assert.equal(late.phase, "RolledBack");
  assert.equal(reasons(late).at(-1), "ProgressDeadlineExceeded");
});

test("steps last as long as their pauses, and then the canary has everything", () => {
  const plan = planOf([step(10), step(50)]);
  assert.deepEqual(run(plan, Array(2).fill(SERVING)).weights, { stable: 90, canary: 10 });
  assert.equal(run(plan, Array(10).fill(SERVING)).currentStepIndex, 0);
  assert.deepEqual(run(plan, Array(12).fill(SERVING)).weights, { stable: 50, canary: 50 });
  const done = run(plan, Array(22).fill(SERVING));
  assert.equal(done.phase, "Succeeded");
  assert.deepEqual(done.weights, { stable: 0, canary: 100 });
  assert.deepEqual(reasons(done), ["Started", "StepStarted", "StepStarted", "Succeeded"]);
});

test("the same observation twice changes nothing more", () => {
  const plan = planOf([step(10)]);
  const state = run(plan, [SERVING, SERVING]);
  assert.equal(advance(plan, state, SERVING, START_MS + 2000), state);
  const done = run(plan, Array(20).fill(SERVING));
  assert.equal(advance(plan, done, SERVING, START_MS + 99_000), done);
});

test("a gate that fails rolls back at once, and failureLimit puts up with some", () => {
  const steps = [step(10, { gates: [GATE] })];
  const strict = run(planOf(steps), [SERVING, FAILED]);
  assert.equal(strict.phase, "RolledBack");
  assert.match(strict.message, /rate is 50 %, at least 99 % is allowed/);
  assert.deepEqual(strict.weights, { stable: 100, canary: 0 });
  const lenient = planOf(steps, { failureLimit: 1 });
  assert.equal(run(lenient, [SERVING, FAILED, PASSED]).phase, "Progressing");
  assert.equal(run(lenient, [SERVING, FAILED, PASSED, FAILED]).phase, "RolledBack");
});

test("a step waits for its gates beyond its pause, and rolls back when they never pass", () => {
  const plan = planOf([step(10, { gates: [GATE], pauseMs: 2000 })]);
  const waiting = run(plan, [SERVING, ...Array(10).fill(UNCLEAR)]);
  assert.equal(waiting.phase, "Progressing");
  assert.match(waiting.message, /until rate has passed/);
  assert.equal(run(plan, [SERVING, ...Array(10).fill(UNCLEAR), PASSED]).phase, "Succeeded");
  const never = run(plan, [SERVING, ...Array(70).fill(UNCLEAR)]);
  assert.equal(never.phase, "RolledBack");
  assert.match(never.message, /progressDeadline: 3 of 10 requests/);
  // Too few requests since the last figure say nothing against it.
  assert.equal(run(plan, [SERVING, PASSED, UNCLEAR, UNCLEAR]).phase, "Succeeded");
});

test("a step without a duration waits for somebody to promote it, its gates watched", () => {
  const plan = planOf([step(10, { gates: [GATE], pauseMs: undefined })]);
  const waiting = run(plan, [SERVING, ...Array(500).fill(PASSED)]);
  assert.equal(waiting.phase, "Paused");
  const promoted = told(plan, waiting, "promote", START_MS);
  assert.equal(promoted.phase, "Succeeded");
  assert.equal(advance(plan, waiting, FAILED, START_MS).phase, "RolledBack");
  assert.equal(told(plan, waiting, "resume", START_MS).phase, "Succeeded");
});

test("a canary that loses its last instance is left at once", () => {
  const plan = planOf([step(10)]);
  const state = run(plan, [SERVING, { ...SERVING, canaryServing: 0 }]);
  assert.equal(state.phase, "RolledBack");
  assert.equal(reasons(state).at(-1), "CanaryUnavailable");
});

test("pause keeps the step and watches on; resume goes on", () => {
  const plan = planOf([step(10, { gates: [GATE] })]);
  const paused = told(plan, run(plan, [SERVING, PASSED]), "pause", START_MS);
  const later = START_MS + 3_600_000;
  const still = advance(plan, paused, PASSED, later);
  assert.equal(still.phase, "Paused");
  assert.deepEqual(still.weights, { stable: 90, canary: 10 });
  assert.equal(advance(plan, paused, FAILED, later).phase, "RolledBack");
  const resumed = told(plan, still, "resume", later);
  assert.equal(advance(plan, resumed, PASSED, later).phase, "Succeeded");
  const byHand = { ...plan, isPaused: true };
  assert.equal(advance(byHand, run(plan, [SERVING, PASSED]), PASSED, later).phase, "Paused");
  const refused = command(byHand, still, "resume", later);
  assert.ok(!refused.ok && refused.hint.includes("spec.paused"));
});

test("undo goes back after success, start tries again, promote-full goes all the way", () => {
  const plan = planOf([step(10), step(50)]);
  const full = told(plan, run(plan, [SERVING]), "promote-full", START_MS);
  assert.equal(full.phase, "Succeeded");
  const undone = told(plan, full, "undo", START_MS);
  assert.deepEqual([undone.phase, undone.weights.stable], ["RolledBack", 100]);
  const again = told(plan, undone, "start", START_MS);
  assert.deepEqual([again.phase, again.run], ["Pending", 2]);
  for (const [state, action] of [
    [full, "start"],
    [full, "abort"],
    [undone, "undo"],
    [undone, "promote"],
    [again, "start"],
  ] as const) {
    const result = command(plan, state, action, START_MS);
    assert.ok(!result.ok && result.message !== "" && result.hint !== "", action);
  }
});

test("another canary starts anew, but only from the version that has the requests", () => {
  const plan = planOf([step(10)]);
  const done = run(plan, Array(20).fill(SERVING));
  const next = planOf([step(10)], { stableService: "v2", canaryService: "v3" });
  const started = advance(next, done, SERVING, START_MS);
  assert.deepEqual([started.run, started.stableService, started.canaryService], [2, "v2", "v3"]);
  const wrong = planOf([step(10)], { canaryService: "v3" });
  const stays = advance(wrong, done, SERVING, START_MS);
  assert.match(stays.message, /spec.stableService is v1, but v2 has the requests: set it to v2/);
  assert.deepEqual([stays.run, liveService(stays)], [1, "v2"]);
  assert.equal(advance(wrong, stays, SERVING, START_MS), stays);
  assert.equal(advance(plan, stays, SERVING, START_MS).message, done.message);
  const underWay = run(plan, [SERVING, SERVING]);
  const replaced = advance(wrong, underWay, SERVING, START_MS);
  assert.deepEqual([replaced.phase, replaced.canaryService], ["Pending", "v3"]);
  assert.deepEqual(reasons(replaced).slice(-2), ["Replaced", "Started"]);
});

/** One thing that may happen to a rollout. */
type Event =
  | { readonly kind: "look"; readonly canaryServing: number; readonly verdict: number }
  | { readonly kind: "command"; readonly action: RolloutAction }
  | { readonly kind: "spec"; readonly stable: number; readonly canary: number };

const events = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("look" as const),
        canaryServing: fc.nat(2),
        verdict: fc.nat(5),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("command" as const),
        action: fc.constantFrom(...ROLLOUT_ACTIONS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("spec" as const),
        stable: fc.nat(2),
        canary: fc.nat(2),
      }),
    },
  ),
  { maxLength: 60 },
);
const steps = fc.array(
  fc.record({
    weight: fc.nat(100),
    isPreviewed: fc.boolean(),
    pauseMs: fc.option(fc.nat(5000), { nil: undefined }),
    isGated: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

test("whatever happens: weights only as configured, never nobody, and abort always returns to stable", () => {
  const property = fc.property(steps, events, (drawn, happened) => {
    const made = drawn.map(({ isGated, ...rest }) =>
      step(rest.weight, { ...rest, gates: isGated ? [GATE] : [] }),
    );
    let plan = planOf(made);
    let state = initialState(plan, START_MS);
    let nowMs = START_MS;
    for (const event of happened) {
      nowMs += 700;
      const before = state;
      ({ plan, state } = apply(event, plan, state, nowMs));
      check(plan, before, state);
      const aborted = command(plan, state, isOver(state) ? "undo" : "abort", nowMs);
      if (aborted.ok) assert.deepEqual(aborted.state.weights, { stable: 100, canary: 0 });
      else assert.equal(state.phase, "RolledBack");
    }
  });
  fc.assert(property, { numRuns: 500 });
});

function apply(event: Event, plan: RolloutPlan, state: RolloutState, nowMs: number) {
  switch (event.kind) {
    case "look": {
      const verdict = (["Passed", "Failed", "Inconclusive"] as const)[event.verdict];
      const readings =
        verdict === undefined ? undefined : new Map([[GATE.name, { verdict, value: "x" }]]);
      const observation = { ...SERVING, canaryServing: event.canaryServing, readings };
      return { plan, state: advance(plan, state, observation, nowMs) };
    }
    case "command": {
      const result = command(plan, state, event.action, nowMs);
      return { plan, state: result.ok ? result.state : state };
    }
    case "spec":
      if (event.stable === event.canary) return { plan, state };
      return {
        plan: {
          ...plan,
          stableService: `v${event.stable + 1}`,
          canaryService: `v${event.canary + 1}`,
        },
        state,
      };
  }
}

function check(plan: RolloutPlan, before: RolloutState, state: RolloutState): void {
  const { stable, canary } = state.weights;
  assert.equal(stable + canary, 100);
  assert.ok(stable >= 0 && canary >= 0);
  switch (state.phase) {
    case "Pending":
    case "RolledBack":
      assert.deepEqual([canary, state.isPreviewed], [0, false]);
      break;
    case "Succeeded":
      assert.deepEqual([canary, state.isPreviewed], [100, false]);
      break;
    case "Progressing":
    case "Paused": {
      const current = plan.steps[state.currentStepIndex];
      assert.equal(canary, current?.weight);
      assert.equal(state.isPreviewed, current?.isPreviewed);
      break;
    }
  }
  // A new run begins where the requests are.
  if (state.run !== before.run) {
    const live = isOver(before) ? liveService(before) : before.stableService;
    assert.equal(state.stableService, live);
  }
  assert.notEqual(state.stableService, state.canaryService);
}
