/** RequestMirror as an xDS mirror policy. */
import { create } from "@bufbuild/protobuf";
import {
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import {
  FractionalPercent_DenominatorType as Denominator,
  type FractionalPercent,
  FractionalPercentSchema,
} from "../../gen/envoy/type/v3/percent_pb.js";
import type { HttpRouteFilter } from "../../resource/kinds/http-route-filter.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { type BackendContext, resolveTarget } from "./backend.ts";

export type RequestMirror = DeepReadonly<
  Extract<HttpRouteFilter, { readonly type: "RequestMirror" }>["requestMirror"]
>;

const MILLION = 1_000_000;

/**
 * The policy, or nothing when no request is to be copied. A mirror that does not exist is dropped, and the
 * rule works without it (HTTPRequestMirrorFilter.backendRef).
 */
export function translateMirror(
  mirror: RequestMirror,
  context: BackendContext,
): readonly RouteAction_RequestMirrorPolicy[] {
  const target = resolveTarget(mirror.backendRef, "requests", context);
  const share = fractionOf(mirror);
  if (!target.isValid || share.numerator === 0) return [];
  const policy = create(RouteAction_RequestMirrorPolicySchema, {
    cluster: target.clusterName,
    runtimeFraction: { defaultValue: share },
    // The mirror sees the Host that the backend sees; Envoy would append "-shadow" to it.
    disableShadowHostSuffixAppend: true,
  });
  return [policy];
}

function fractionOf({ percent, fraction }: RequestMirror): FractionalPercent {
  if (fraction === undefined) {
    return create(FractionalPercentSchema, {
      numerator: percent ?? 100,
      denominator: Denominator.HUNDRED,
    });
  }
  return create(FractionalPercentSchema, {
    numerator: Math.round((fraction.numerator / fraction.denominator) * MILLION),
    denominator: Denominator.MILLION,
  });
}
