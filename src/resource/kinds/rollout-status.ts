/** Where a Rollout is. Written by the control plane, which has no other memory of it: a restart goes on from here. */
import type { ObjectStatus } from "../object.ts";

/**
 * ```
 *  Pending ──► Progressing ◄──► Paused      Succeeded: the canary gets everything
 *     │             │  │          │         RolledBack: the stable Service does
 *     └─────────────┴──┴──────────┴──► Succeeded ──undo──► RolledBack ──start──► Pending
 * ```
 */
export const ROLLOUT_PHASES = [
  "Pending",
  "Progressing",
  "Paused",
  "Succeeded",
  "RolledBack",
] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

/** Shares in percent; they add up to 100. */
export interface RolloutWeights {
  readonly stable: number;
  readonly canary: number;
}

/** Requests that callers' sidecars counted. */
export interface ObservedRequests {
  readonly requests: number;
  readonly failures: number;
}

export type GateVerdict = "Passed" | "Failed" | "Inconclusive";

export interface RolloutGateStatus {
  readonly name: string;
  /** What passes: `at least 99 %`. */
  readonly threshold: string;
  readonly verdict: GateVerdict;
  /** The figure of the last look, or why there is none: `99.6 %`. */
  readonly value: string;
  /** Looks of this step. */
  readonly passed: number;
  readonly failed: number;
}

export type RolloutEventReason =
  | "Started"
  | "StepStarted"
  | "Paused"
  | "Resumed"
  | "Promoted"
  | "Succeeded"
  | "GateFailed"
  | "CanaryUnavailable"
  | "ProgressDeadlineExceeded"
  | "Aborted"
  | "Undone"
  | "Replaced"
  | "StableNotLive";

export interface RolloutEvent {
  /** RFC 3339 in UTC. */
  readonly at: string;
  readonly reason: RolloutEventReason;
  readonly message: string;
  /** Who asked for it by a command; absent where nobody did. */
  readonly by?: string;
}

/** What the state machine works on. Instants are RFC 3339 in UTC. */
export interface RolloutState {
  readonly phase: RolloutPhase;
  /** What it does or waits for. */
  readonly message: string;
  /** Counts the runs, from 1. */
  readonly run: number;
  /** The Services of this run. */
  readonly stableService: string;
  readonly canaryService: string;
  readonly startedAt: string;
  /** From 0. */
  readonly currentStepIndex: number;
  readonly stepCount: number;
  readonly stepStartedAt: string;
  readonly weights: RolloutWeights;
  /** Requests of chosen users go to the canary, whatever the weights are. */
  readonly isPreviewed: boolean;
  /** Somebody paused it. */
  readonly isPausedByUser: boolean;
  /** Of this step. */
  readonly traffic: { readonly stable: ObservedRequests; readonly canary: ObservedRequests };
  readonly gates: readonly RolloutGateStatus[];
  /** The last look at the gates. */
  readonly checkedAt: string;
  /** The latest, oldest first. */
  readonly events: readonly RolloutEvent[];
}

export interface RolloutStatus extends ObjectStatus {
  readonly rollout?: RolloutState;
}

/** For the reference page. */
export const ROLLOUT_STATUS_FIELDS = [
  { path: "conditions", description: "Accepted: True, or False with what is wrong." },
  {
    path: "rollout.phase",
    description: "Pending, Progressing, Paused, Succeeded or RolledBack; rollout.message says why.",
  },
  {
    path: "rollout.stableService, rollout.canaryService",
    description: "The Services of this run; rollout.run counts the runs.",
  },
  {
    path: "rollout.currentStepIndex, rollout.stepCount",
    description: "The step, from 0; rollout.stepStartedAt says since when.",
  },
  { path: "rollout.weights", description: "The shares in force, in percent." },
  {
    path: "rollout.traffic",
    description: "Requests and failures of this step, as callers' sidecars saw them.",
  },
  {
    path: "rollout.gates[]",
    description: "The last look at each gate: value, threshold, verdict, passed, failed.",
  },
  {
    path: "rollout.events[]",
    description: "What happened last, each with reason and message, and who asked for it.",
  },
] as const;
