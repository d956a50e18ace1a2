/** The admin API's view of a Rollout: its steps as they are gone through, where it is, and every look at its gates. Types only. */
import type { RolloutState } from "../resource/kinds/rollout-status.ts";

export type {
  RolloutEvent,
  RolloutGateStatus,
  RolloutState,
} from "../resource/kinds/rollout-status.ts";

// ---- GET /api/v1/rollouts/{namespace}/{name} ----

export interface RolloutView {
  readonly namespace: string;
  readonly name: string;
  /** The Service whose requests are divided, of the same namespace. */
  readonly target: string;
  readonly strategy: RolloutStrategyName;
  /** As the spec has them now; after the last one the canary gets everything. */
  readonly steps: readonly RolloutStepView[];
  readonly intervalSeconds: number;
  /** Failed looks at a gate in one step that are put up with. */
  readonly failureLimit: number;
  /** Requests of the canary that a look needs. */
  readonly minRequests: number;
  readonly progressDeadlineSeconds: number;
  /** Conditions that are not as they should be. */
  readonly problems: readonly { readonly type: string; readonly message: string }[];
  /** As in the object's status; null until the control plane has looked at it for the first time. */
  readonly state: RolloutState | null;
  /** Looks of this run that gave a figure, oldest first; those since the control plane was started, and no more than it keeps. */
  readonly looks: readonly RolloutLook[];
}

export type RolloutStrategyName = "canary" | "blueGreen" | "abTest";

export interface RolloutStepView {
  /** `10 % to catalog-v2`. */
  readonly title: string;
  /** The canary's share in percent. */
  readonly weight: number;
  /** Chosen users go to the canary, whatever the weight is. */
  readonly isPreviewed: boolean;
  /** Null: until somebody promotes. */
  readonly pauseSeconds: number | null;
  readonly gates: readonly RolloutGateView[];
}

export interface RolloutGateView {
  /** As in the status. */
  readonly name: string;
  /** What passes, both ends included; null where there is no bound. */
  readonly min: number | null;
  readonly max: number | null;
  /** Behind a figure, ` %` or ` ms`; empty for queries. */
  readonly unit: string;
}

export interface RolloutLook {
  readonly gate: string;
  /** RFC 3339 in UTC. */
  readonly at: string;
  /** The step of that time, from 0. */
  readonly step: number;
  readonly value: number;
  readonly verdict: "Passed" | "Failed";
}
