/** Something about valid objects, seen together, that their authors should know. */
import type { ObjectKey } from "../object.ts";

export type CheckCode =
  /** Two routes have the same match on the same port for the same callers. The older one counts. */
  | "route-conflict"
  /** A match repeats an earlier one of its own route, which counts. */
  | "match-unreachable"
  /** A route without parents: nothing uses it. */
  | "parent-unset"
  /** A parent of a kind that is not served. */
  | "parent-kind-unsupported"
  /** A younger policy names the same target, without effect. The younger one has `policy-conflict`. */
  | "policy-contested"
  /** Instances are selected, and none of them has the port that a Service leads to. */
  | "target-port-not-found"
  /** A Rollout's target is of a kind that it cannot divide. */
  | "rollout-target-unsupported"
  /** An older Rollout has the target. */
  | "rollout-conflict"
  /** A Service that a Rollout names does not exist. */
  | "rollout-service-not-found"
  /** A version has no port for one of the target's. */
  | "rollout-port-not-found"
  /** A rule of the target's route sends where the Rollout has no say. */
  | "rollout-bypassed"
  /** An appProtocol that is not known: the protocol is detected. */
  | "protocol-unknown";

/** It never takes traffic down. Shaped like a finding of translation, to be reported beside them. */
export interface CheckFinding {
  readonly code: CheckCode;
  readonly severity: "error" | "warning";
  readonly object: ObjectKey;
  /** `spec.rules[0].matches[1]`; empty for the object as a whole. */
  readonly path: string;
  readonly message: string;
}
