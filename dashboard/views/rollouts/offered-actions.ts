/** What one may tell a rollout to do where it is now, and what would follow. The same as `tulle rollout` offers. */
import type { RolloutActionRequest } from "../../../src/control-plane/action-types.ts";
import type { RolloutState, RolloutView } from "../../../src/control-plane/rollout-types.ts";
import { namespaceFlag, quoted } from "../../core/shell-words.ts";
import { isOver } from "./rollout-looks.ts";

type Action = RolloutActionRequest["action"];

export interface OfferedAction {
  readonly action: Action;
  readonly title: string;
  readonly look: "primary" | "plain" | "danger";
  /** What it means, in a sentence. */
  readonly effect: string;
  readonly command: string;
  /** What the status says after it. */
  readonly after: StatusPart;
}

/** The part of the status that actions change. */
export interface StatusPart {
  readonly phase: RolloutState["phase"];
  readonly currentStepIndex: number;
  readonly isPausedByUser: boolean;
  readonly weights: { readonly stable: number; readonly canary: number };
}

export function statusPart(state: RolloutState): StatusPart {
  const { phase, currentStepIndex, isPausedByUser, weights } = state;
  return { phase, currentStepIndex, isPausedByUser, weights };
}

/** The likeliest first. None before the control plane has looked at it. */
export function offeredActions(view: RolloutView): readonly OfferedAction[] {
  const { state } = view;
  if (state === null) return [];
  return actionsAt(view, state).map((action) => offered(view, state, action));
}

function actionsAt({ steps }: RolloutView, state: RolloutState): readonly Action[] {
  if (state.phase === "Succeeded") return ["undo"];
  if (state.phase === "RolledBack") return ["start"];
  const hold: Action = state.isPausedByUser ? "resume" : "pause";
  if (state.phase === "Pending") return [hold, "promote-full", "abort"];
  const isLast = state.currentStepIndex >= steps.length - 1;
  const further: readonly Action[] = isLast ? ["promote"] : ["promote", "promote-full"];
  // Where it waits for somebody anyway, there is nothing to pause.
  const waits = steps[state.currentStepIndex]?.pauseSeconds === null;
  if (state.isPausedByUser) return ["resume", ...further, "abort"];
  return waits ? [...further, "abort"] : [...further, "pause", "abort"];
}

const TITLES: Readonly<Record<Action, string>> = {
  start: "Try again",
  pause: "Pause",
  resume: "Resume",
  promote: "Promote",
  "promote-full": "Promote all the way",
  abort: "Abort",
  undo: "Undo",
};

function offered(view: RolloutView, state: RolloutState, action: Action): OfferedAction {
  const word = action === "promote-full" ? "promote --full" : action;
  const name = `${quoted(view.name)}${namespaceFlag(view.namespace)}`;
  const [verb = "", ...flags] = word.split(" ");
  return {
    action,
    title: TITLES[action],
    look: lookOf(action),
    effect: effectOf(view, state, action),
    command: ["tulle rollout", verb, name, ...flags].join(" "),
    after: afterAction(view, state, action),
  };
}

function lookOf(action: Action): OfferedAction["look"] {
  if (action === "abort" || action === "undo") return "danger";
  return action === "promote" || action === "resume" || action === "start" ? "primary" : "plain";
}

function afterAction({ steps }: RolloutView, state: RolloutState, action: Action): StatusPart {
  const now = statusPart(state);
  switch (action) {
    case "pause":
      return { ...now, phase: held(state, "Paused"), isPausedByUser: true };
    case "resume":
      return { ...now, phase: held(state, "Progressing"), isPausedByUser: false };
    case "promote":
    case "promote-full": {
      const index = action === "promote" ? state.currentStepIndex + 1 : steps.length;
      const step = steps[index];
      const rest = { isPausedByUser: false };
      if (step === undefined) return { ...now, ...rest, phase: "Succeeded", weights: split(100) };
      const weights = split(step.weight);
      return { ...now, ...rest, phase: "Progressing", currentStepIndex: index, weights };
    }
    case "abort":
    case "undo":
      return { ...now, phase: "RolledBack", isPausedByUser: false, weights: split(0) };
    case "start":
      return { phase: "Pending", currentStepIndex: 0, isPausedByUser: false, weights: split(0) };
  }
}

/** A rollout that has not begun stays so. */
function held({ phase }: RolloutState, next: "Paused" | "Progressing"): RolloutState["phase"] {
  return phase === "Pending" ? "Pending" : next;
}

function split(canary: number): StatusPart["weights"] {
  return { stable: 100 - canary, canary };
}

function effectOf(view: RolloutView, state: RolloutState, action: Action): string {
  const { stableService: stable, canaryService: canary } = state;
  switch (action) {
    case "pause":
      return "It stays at its step. Gates are watched on: one that fails still rolls it back.";
    case "resume":
      return "It goes on where it was paused.";
    case "promote": {
      const next = view.steps[state.currentStepIndex + 1];
      if (next === undefined) return `${canary} gets every request, and the rollout has succeeded.`;
      return `The next step begins now: ${next.title}. This step's pause and gates are not waited for.`;
    }
    case "promote-full":
      return `${canary} gets every request at once. No further step and no gate is waited for.`;
    case "abort":
      return `${stable} gets every request at once, and the rollout ends.`;
    case "undo":
      return `${stable} gets every request again, at once.`;
    case "start":
      return `The same rollout begins anew with its first step, as soon as ${canary} has an instance that serves.`;
  }
}

/** Whether the rollout moves by itself or by somebody still. */
export function isUnderWay(state: RolloutState | null): boolean {
  return state !== null && !isOver(state);
}
