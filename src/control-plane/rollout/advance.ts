/**
 * The state machine of a Rollout: from where it is and what is observed to where it is next. Pure: it does no input
 * or output and reads no clock, and everything that it must remember stands in the state, which lies in the store.
 * Whoever runs it, after whatever restart, goes on from there; twice with the same observation changes nothing more.
 */
import type { RolloutEventReason, RolloutState } from "../../resource/kinds/rollout-status.ts";
import { afterReading, type GateReading } from "./gate-reading.ts";
import { type PlanStep, pauseText, type RolloutPlan } from "./rollout-plan.ts";
import { NO_TRAFFIC, type VersionTraffic } from "./version-traffic.ts";

/** Events kept in the status: some runs of a few steps. */
const EVENTS_MAX = 30;

export interface Observation {
  /** Instances that get requests. */
  readonly stableServing: number;
  readonly canaryServing: number;
  /** Requests since the last observation that had traffic. */
  readonly traffic:
    | { readonly stable: VersionTraffic; readonly canary: VersionTraffic }
    | undefined;
  /** By gate name; undefined when it was not time to look. */
  readonly readings: ReadonlyMap<string, GateReading> | undefined;
}

/** Nothing new is known. */
export const NOTHING_OBSERVED = { traffic: undefined, readings: undefined } as const;

/** The state of a Rollout that was just made. */
export function initialState(plan: RolloutPlan, nowMs: number): RolloutState {
  return newRun(plan, undefined, nowMs);
}

/** One turn. The same object when nothing changed. */
export function advance(
  plan: RolloutPlan,
  before: RolloutState,
  observation: Observation,
  nowMs: number,
): RolloutState {
  const state = followSpec(plan, before, nowMs);
  if (isOver(state) || state.run !== before.run) return state;
  if (state.phase === "Pending") return advancePending(plan, state, observation, nowMs);
  return advanceStep(plan, observe(plan, state, observation, nowMs), observation, nowMs);
}

/** Whether the run has ended. */
export function isOver(state: RolloutState): boolean {
  return state.phase === "Succeeded" || state.phase === "RolledBack";
}

/** The Service that has every request when nothing is under way. */
export function liveService(state: RolloutState): string {
  return state.phase === "Succeeded" ? state.canaryService : state.stableService;
}

/** Begins the next run, with no request for the canary yet. */
export function newRun(
  plan: RolloutPlan,
  before: RolloutState | undefined,
  nowMs: number,
): RolloutState {
  const { stableService, canaryService } = plan;
  const at = new Date(nowMs).toISOString();
  const state: RolloutState = {
    phase: "Pending",
    message: `waits for an instance of ${canaryService}`,
    run: (before?.run ?? 0) + 1,
    stableService,
    canaryService,
    startedAt: at,
    currentStepIndex: 0,
    stepCount: plan.steps.length,
    stepStartedAt: at,
    weights: { stable: 100, canary: 0 },
    isPreviewed: false,
    isPausedByUser: false,
    traffic: { stable: NOTHING, canary: NOTHING },
    gates: [],
    checkedAt: at,
    events: before?.events ?? [],
  };
  return withEvent(state, "Started", `from ${stableService} to ${canaryService}`, nowMs);
}

const NOTHING = { requests: 0, failures: 0 } as const;

/** Back to the stable Service, whatever was under way. */
export function rollBack(
  state: RolloutState,
  reason: RolloutEventReason,
  message: string,
  nowMs: number,
): RolloutState {
  const rolled: RolloutState = {
    ...state,
    phase: "RolledBack",
    message,
    weights: { stable: 100, canary: 0 },
    isPreviewed: false,
    isPausedByUser: false,
  };
  return withEvent(rolled, reason, message, nowMs);
}

/** Enters a step; past the last one the canary gets everything. */
export function enterStep(
  plan: RolloutPlan,
  state: RolloutState,
  index: number,
  nowMs: number,
): RolloutState {
  const step = plan.steps[index];
  const at = new Date(nowMs).toISOString();
  if (step === undefined) {
    const message = `${state.canaryService} gets every request`;
    const done: RolloutState = {
      ...state,
      phase: "Succeeded",
      message,
      weights: { stable: 0, canary: 100 },
      isPreviewed: false,
      isPausedByUser: false,
    };
    return withEvent(done, "Succeeded", message, nowMs);
  }
  const entered: RolloutState = {
    ...state,
    phase: state.isPausedByUser ? "Paused" : "Progressing",
    message: `${step.title} ${pauseText(step)}`,
    currentStepIndex: index,
    stepCount: plan.steps.length,
    stepStartedAt: at,
    checkedAt: at,
    weights: { stable: 100 - step.weight, canary: step.weight },
    isPreviewed: step.isPreviewed,
    traffic: { stable: NOTHING, canary: NOTHING },
    gates: [],
  };
  const text = `step ${index + 1} of ${plan.steps.length}: ${step.title}`;
  return withEvent(entered, "StepStarted", text, nowMs);
}

export function withEvent(
  state: RolloutState,
  reason: RolloutEventReason,
  message: string,
  nowMs: number,
): RolloutState {
  const event = { at: new Date(nowMs).toISOString(), reason, message };
  return { ...state, events: [...state.events, event].slice(-EVENTS_MAX) };
}

function isOfPlan(plan: RolloutPlan, state: RolloutState): boolean {
  return state.stableService === plan.stableService && state.canaryService === plan.canaryService;
}

/** What a change of the Services in the spec means: a new run, unless it would move requests that nobody asked to move. */
function followSpec(plan: RolloutPlan, state: RolloutState, nowMs: number): RolloutState {
  const live = liveService(state);
  if (!isOfPlan(plan, state) && plan.stableService === live) {
    if (isOver(state)) return newRun(plan, state, nowMs);
    const message = `spec.canaryService is ${plan.canaryService} now`;
    return newRun(plan, rollBack(state, "Replaced", message, nowMs), nowMs);
  }
  const end = isOver(state) ? lastEnd(state) : state.message;
  if (isOfPlan(plan, state)) return state.message === end ? state : { ...state, message: end };
  // The run that is under way goes on; what the spec asks for cannot begin.
  const message = `spec.stableService is ${plan.stableService}, but ${live} has the requests: set it to ${live}`;
  if (state.events.at(-1)?.message === message) return state;
  const told = withEvent(state, "StableNotLive", message, nowMs);
  return isOver(told) ? { ...told, message } : told;
}

const END_REASONS: ReadonlySet<RolloutEventReason> = new Set([
  "Succeeded",
  "GateFailed",
  "CanaryUnavailable",
  "ProgressDeadlineExceeded",
  "Aborted",
  "Undone",
]);

/** What the run ended with. */
function lastEnd(state: RolloutState): string {
  return state.events.findLast(({ reason }) => END_REASONS.has(reason))?.message ?? state.message;
}

function advancePending(
  plan: RolloutPlan,
  state: RolloutState,
  observation: Observation,
  nowMs: number,
): RolloutState {
  if (plan.isPaused || state.isPausedByUser) {
    const message = plan.isPaused ? "spec.paused is true" : "paused before the first step";
    return state.message === message ? state : { ...state, message };
  }
  if (observation.canaryServing > 0) return enterStep(plan, state, 0, nowMs);
  if (nowMs - Date.parse(state.startedAt) > plan.progressDeadlineMs) {
    const message = `${state.canaryService} had no instance that serves within spec.progressDeadline`;
    return rollBack(state, "ProgressDeadlineExceeded", message, nowMs);
  }
  const message = `waits for an instance of ${state.canaryService}`;
  return state.message === message ? state : { ...state, message };
}

/** Adds what was observed to the step's figures. */
function observe(
  plan: RolloutPlan,
  state: RolloutState,
  { traffic, readings }: Observation,
  nowMs: number,
): RolloutState {
  if (traffic === undefined && readings === undefined) return state;
  const { stable, canary } = traffic ?? { stable: NO_TRAFFIC, canary: NO_TRAFFIC };
  const gates = stepOf(plan, state)?.gates ?? [];
  return {
    ...state,
    traffic: {
      stable: sum(state.traffic.stable, stable),
      canary: sum(state.traffic.canary, canary),
    },
    ...(readings === undefined
      ? {}
      : {
          checkedAt: new Date(nowMs).toISOString(),
          gates: gates.flatMap((gate) => {
            const before = state.gates.find(({ name }) => name === gate.name);
            const reading = readings.get(gate.name);
            if (reading !== undefined) return [afterReading(gate, before, reading)];
            return before === undefined ? [] : [before];
          }),
        }),
  };
}

function sum(a: { readonly requests: number; readonly failures: number }, b: VersionTraffic) {
  return { requests: a.requests + b.requests, failures: a.failures + b.failures };
}

/** Undefined when the spec has fewer steps than it had. */
function stepOf(plan: RolloutPlan, state: RolloutState): PlanStep | undefined {
  return plan.steps[state.currentStepIndex];
}

function advanceStep(
  plan: RolloutPlan,
  state: RolloutState,
  observation: Observation,
  nowMs: number,
): RolloutState {
  const step = stepOf(plan, state);
  if (step === undefined) return enterStep(plan, state, plan.steps.length, nowMs);
  const failed = state.gates.find((gate) => gate.failed > plan.failureLimit);
  if (failed !== undefined) {
    const { name, value, threshold } = failed;
    const message = `${name} is ${value}, ${threshold} is allowed`;
    return rollBack(state, "GateFailed", message, nowMs);
  }
  if (observation.canaryServing === 0) {
    const message = `${state.canaryService} has no instance that serves any more`;
    return rollBack(state, "CanaryUnavailable", message, nowMs);
  }
  const followed = followStep(plan, step, state);
  if (plan.isPaused || state.isPausedByUser) {
    const message = plan.isPaused ? "spec.paused is true" : `paused at ${step.title}`;
    return settle(followed, "Paused", message);
  }
  if (step.pauseMs === undefined) {
    return settle(followed, "Paused", `${step.title} until promoted: tulle rollout promote`);
  }
  const elapsedMs = nowMs - Date.parse(state.stepStartedAt);
  if (elapsedMs < step.pauseMs) {
    return settle(followed, "Progressing", `${step.title} ${pauseText(step)}`);
  }
  const open = step.gates.filter(
    ({ name }) => state.gates.find((gate) => gate.name === name)?.verdict !== "Passed",
  );
  if (open.length === 0) return enterStep(plan, state, state.currentStepIndex + 1, nowMs);
  if (elapsedMs > step.pauseMs + plan.progressDeadlineMs) {
    const message = `${open[0]?.name} did not pass within spec.progressDeadline: ${lastValue(state, open[0]?.name)}`;
    return rollBack(state, "ProgressDeadlineExceeded", message, nowMs);
  }
  const names = open.map(({ name }) => name).join(", ");
  return settle(followed, "Progressing", `${step.title} until ${names} has passed`);
}

function lastValue(state: RolloutState, name: string | undefined): string {
  return state.gates.find((gate) => gate.name === name)?.value ?? "it was never read";
}

/** The step's weights as the spec has them now. */
function followStep(plan: RolloutPlan, step: PlanStep, state: RolloutState): RolloutState {
  const { weight, isPreviewed } = step;
  const isSame =
    state.weights.canary === weight &&
    state.isPreviewed === isPreviewed &&
    state.stepCount === plan.steps.length;
  if (isSame) return state;
  const weights = { stable: 100 - weight, canary: weight };
  return { ...state, weights, isPreviewed, stepCount: plan.steps.length };
}

function settle(
  state: RolloutState,
  phase: "Progressing" | "Paused",
  message: string,
): RolloutState {
  return state.phase === phase && state.message === message ? state : { ...state, phase, message };
}
