/** Where copies of a route's requests go, and of how many: Envoy's RequestMirrorPolicy. */
import type { RouteAction_RequestMirrorPolicy } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FractionalPercent } from "../gen/envoy/type/v3/percent_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../gen/envoy/type/v3/percent_pb.js";
import type { FieldError } from "./field-error.ts";

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
  const fraction = policy.runtimeFraction;
  if (fraction !== undefined && fraction.defaultValue === undefined) {
    errors.push({ path: `${path}.runtime_fraction.default_value`, message: "is required" });
  }
  return {
    cluster: policy.cluster,
    fraction: fraction?.defaultValue === undefined ? 1 : fractionOf(fraction.defaultValue),
    appendsShadowSuffix: !policy.disableShadowHostSuffixAppend,
    isSampled: policy.traceSampled,
  };
}

function fractionOf(percent: FractionalPercent): number {
  switch (percent.denominator) {
    case Denominator.TEN_THOUSAND:
      return percent.numerator / 10_000;
    case Denominator.MILLION:
      return percent.numerator / 1_000_000;
    default:
      return percent.numerator / 100;
  }
}
