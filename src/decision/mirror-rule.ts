/** Where copies of a route's requests go, and of how many: Envoy's RequestMirrorPolicy. */
import type { RouteAction_RequestMirrorPolicy } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileFraction } from "./fraction.ts";

export interface Mirror {
  readonly cluster: string;
  /** Share of requests that are copied, 0 to 1. */
  readonly fraction: number;
  readonly appendsShadowSuffix: boolean;
  /** What the copy's trace context says about sampling; undefined: what the original's does. */
  readonly isSampled: boolean | undefined;
}

export function compileMirror(
  policy: RouteAction_RequestMirrorPolicy,
  path: string,
  errors: FieldError[],
): Mirror {
  if (policy.cluster === "") {
    errors.push({ path: `${path}.cluster`, message: "a cluster name is required" });
  }
  return {
    cluster: policy.cluster,
    fraction: compileFraction(policy.runtimeFraction, `${path}.runtime_fraction`, errors, 1),
    appendsShadowSuffix: !policy.disableShadowHostSuffixAppend,
    isSampled: policy.traceSampled,
  };
}
