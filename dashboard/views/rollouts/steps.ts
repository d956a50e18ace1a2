/** The way of a rollout as marks on a track: what of it is done, where it stands or ended, and what is ahead. */
import type { RolloutState, RolloutView } from "../../../src/control-plane/rollout-types.ts";
import { formatDuration } from "../../core/format.ts";
import { eventsOfRun } from "./rollout-looks.ts";

export type MarkState = "done" | "now" | "paused" | "failed" | "stopped" | "ahead";

export const MARK_WORDS: Readonly<Record<MarkState, string>> = {
  done: "done",
  now: "now",
  paused: "paused here",
  failed: "failed here",
  stopped: "ended here",
  ahead: "ahead",
};

export interface StepMark {
  readonly state: MarkState;
  /** `25%`. */
  readonly title: string;
  /** How long it lasts, or what happens. */
  readonly note: string;
}

/** How many marks of steps there are, and in what state each is; one more for the end. */
export function markStates(state: RolloutState | null, stepCount: number): readonly MarkState[] {
  const marks = Array.from({ length: stepCount + 1 }, (_, index) => markAt(state, index));
  if (state?.phase === "RolledBack" && wasThrough(state)) {
    return marks.map((_, index) => (index === stepCount ? "stopped" : "done"));
  }
  return marks;
}

function markAt(state: RolloutState | null, index: number): MarkState {
  if (state === null) return "ahead";
  const { phase, currentStepIndex } = state;
  if (phase === "Pending") return "ahead";
  if (phase === "Succeeded" || index < currentStepIndex) return "done";
  if (index > currentStepIndex) return "ahead";
  if (phase === "RolledBack") return endedState(state);
  return phase === "Paused" ? "paused" : "now";
}

/** By somebody's wish, or by what was observed. */
function endedState(state: RolloutState): MarkState {
  const wished = new Set(["Aborted", "Undone", "Replaced"]);
  const last = eventsOfRun(state).findLast(({ reason }) => reason !== "StableNotLive");
  return last !== undefined && wished.has(last.reason) ? "stopped" : "failed";
}

/** It had succeeded before it was undone. */
function wasThrough(state: RolloutState): boolean {
  return eventsOfRun(state).some(({ reason }) => reason === "Succeeded");
}

export function stepMarks({ steps, state, strategy }: RolloutView): readonly StepMark[] {
  const states = markStates(state, steps.length);
  const titles = steps.map(({ weight, title }) => (strategy === "canary" ? `${weight}%` : title));
  const notes = steps.map(({ pauseSeconds, gates }) => pauseNote(pauseSeconds, gates.length));
  return states.map((mark, index) => ({
    state: mark,
    title: titles[index] ?? "100%",
    note: notes[index] ?? "every request",
  }));
}

function pauseNote(pauseSeconds: number | null, gates: number): string {
  if (pauseSeconds === null) return "until promoted";
  if (pauseSeconds > 0) return `for ${formatDuration(pauseSeconds)}`;
  return gates === 0 ? "for a moment" : "until gates pass";
}
