/** What people tell a Rollout to do, beside its spec. Pure: the next state, or why that cannot be. */
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import { enterStep, isOver, newRun, rollBack, withEvent } from "./advance.ts";
import type { RolloutPlan } from "./rollout-plan.ts";

export const ROLLOUT_ACTIONS = [
  "start",
  "pause",
  "resume",
  "promote",
  "promote-full",
  "abort",
  "undo",
] as const;
export type RolloutAction = (typeof ROLLOUT_ACTIONS)[number];

export type CommandResult =
  | { readonly ok: true; readonly state: RolloutState }
  | {
      readonly ok: false;
      readonly code: "not-found" | "refused";
      readonly message: string;
      readonly hint: string;
    };

export function command(
  plan: RolloutPlan,
  state: RolloutState,
  action: RolloutAction,
  nowMs: number,
): CommandResult {
  switch (action) {
    case "start":
      return start(plan, state, nowMs);
    case "pause":
      return pause(state, nowMs);
    case "resume":
      return resume(plan, state, nowMs);
    case "promote":
    case "promote-full":
      return promote(plan, state, action === "promote-full", nowMs);
    case "abort":
      if (isOver(state)) return refused(overText(state), "`tulle rollout undo` goes back");
      return done(rollBack(state, "Aborted", "aborted by command", nowMs));
    case "undo":
      return undo(state, nowMs);
  }
}

function start(plan: RolloutPlan, state: RolloutState, nowMs: number): CommandResult {
  if (!isOver(state)) {
    return refused("it is under way", "`tulle rollout abort` ends it");
  }
  const live = state.phase === "Succeeded" ? state.canaryService : state.stableService;
  if (plan.canaryService === live) {
    return refused(`${live} has every request already`, "set spec.canaryService to the next one");
  }
  if (plan.stableService !== live) {
    const message = `spec.stableService is ${plan.stableService}, but ${live} has the requests`;
    return refused(message, `set spec.stableService to ${live}`);
  }
  return done(newRun(plan, state, nowMs));
}

function pause(state: RolloutState, nowMs: number): CommandResult {
  if (isOver(state)) return refused(overText(state), "there is nothing to pause");
  if (state.isPausedByUser) return done(state);
  const isPending = state.phase === "Pending";
  const paused: RolloutState = {
    ...state,
    phase: isPending ? "Pending" : "Paused",
    message: "paused by command",
    isPausedByUser: true,
  };
  return done(withEvent(paused, "Paused", "paused by command", nowMs));
}

function resume(plan: RolloutPlan, state: RolloutState, nowMs: number): CommandResult {
  if (isOver(state)) return refused(overText(state), "there is nothing to resume");
  if (plan.isPaused) return refused("spec.paused is true", "set spec.paused to false");
  if (state.isPausedByUser) {
    const resumed: RolloutState = {
      ...state,
      phase: state.phase === "Pending" ? "Pending" : "Progressing",
      message: "resumed by command",
      isPausedByUser: false,
    };
    return done(withEvent(resumed, "Resumed", "resumed by command", nowMs));
  }
  if (state.phase !== "Paused")
    return refused("it is not paused", "`tulle rollout pause` does that");
  // What waits for somebody to go on is told to go on.
  return promote(plan, state, false, nowMs);
}

function promote(
  plan: RolloutPlan,
  state: RolloutState,
  isFull: boolean,
  nowMs: number,
): CommandResult {
  if (isOver(state)) return refused(overText(state), "`tulle rollout start` begins anew");
  if (state.stableService !== plan.stableService || state.canaryService !== plan.canaryService) {
    return refused(state.message, "correct the spec first");
  }
  if (state.phase === "Pending" && !isFull) {
    return refused(state.message, "`tulle rollout promote --full` switches everything at once");
  }
  const text = isFull ? "promoted by command, all the way" : "promoted by command";
  const promoted = withEvent({ ...state, isPausedByUser: false }, "Promoted", text, nowMs);
  const next = isFull ? plan.steps.length : state.currentStepIndex + 1;
  return done(enterStep(plan, promoted, next, nowMs));
}

function undo(state: RolloutState, nowMs: number): CommandResult {
  if (state.phase === "RolledBack") {
    return refused(overText(state), `${state.stableService} has every request already`);
  }
  const message = `undone by command: ${state.stableService} gets every request`;
  return done(rollBack(state, "Undone", message, nowMs));
}

function overText(state: RolloutState): string {
  return state.phase === "Succeeded"
    ? `it has succeeded: ${state.message}`
    : `it was rolled back: ${state.message}`;
}

function done(state: RolloutState): CommandResult {
  return { ok: true, state };
}

function refused(message: string, hint: string): CommandResult {
  return { ok: false, code: "refused", message, hint };
}
