/** What people tell the control plane to do at once, beside the objects: requests and responses in JSON. Types only. */
import type { InstanceView } from "./api-types.ts";

// ---- POST /api/v1/rollouts/{namespace}/{name}/actions ----

export interface RolloutActionRequest {
  readonly action: "start" | "pause" | "resume" | "promote" | "promote-full" | "abort" | "undo";
}

export interface RolloutActionResponse {
  readonly action: RolloutActionRequest["action"];
  /** Where the Rollout is now. */
  readonly phase: "Pending" | "Progressing" | "Paused" | "Succeeded" | "RolledBack";
  readonly message: string;
  /** In percent. */
  readonly weights: { readonly stable: number; readonly canary: number };
}

// ---- POST /api/v1/instances/{namespace}/{name}/actions ----

export interface InstanceActionRequest {
  /** `drain`: no new requests, those under way end. `undrain`: as before. */
  readonly action: "drain" | "undrain";
}

export interface InstanceActionResponse {
  readonly action: InstanceActionRequest["action"];
  readonly instance: InstanceView;
}
