/** The status of every kind of route (Gateway API v1, RouteStatus). Written by the control plane. */
import type { Condition, DeepReadonly, ObjectStatus } from "../object.ts";
import type { ParentRef } from "./route-references.ts";

/** What one parent makes of the route. */
export interface RouteParentStatus {
  readonly parentRef: DeepReadonly<ParentRef>;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

export interface RouteStatus extends ObjectStatus {
  readonly parents?: readonly RouteParentStatus[];
}

/** For the reference pages. */
export const ROUTE_STATUS_FIELDS = [
  { path: "parents[].parentRef", description: "The reference that the entry is about." },
  { path: "parents[].controllerName", description: "mesh.tulle.dev/control-plane." },
  {
    path: "parents[].conditions",
    description:
      "Accepted (NoMatchingParent, UnsupportedValue, …) and ResolvedRefs (BackendNotFound, InvalidKind, …).",
  },
] as const;
