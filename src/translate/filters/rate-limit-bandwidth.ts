/** Bandwidth limits of RateLimitPolicies as Envoy's filter, one for each direction: a filter has one rate for both. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  BandwidthLimit_EnableMode,
  BandwidthLimitSchema,
} from "../../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { pack } from "../message.ts";
import { qualifiedName } from "../names.ts";

/** The name of the filter for each direction. */
export const BANDWIDTH_FILTERS = {
  request: "envoy.filters.http.bandwidth_limit.request",
  response: "envoy.filters.http.bandwidth_limit",
} as const;

export type BandwidthDirection = keyof typeof BANDWIDTH_FILTERS;

export function noBandwidthLimit(): Any {
  return pack(BandwidthLimitSchema, create(BandwidthLimitSchema, { statPrefix: "none" }));
}

/** Undefined where the policy has none. */
export function bandwidthLimit(
  { metadata, spec }: RateLimitPolicy,
  direction: BandwidthDirection,
): Any | undefined {
  const limit = spec.bandwidth?.[direction];
  if (limit === undefined) return undefined;
  const { REQUEST, RESPONSE } = BandwidthLimit_EnableMode;
  const message = create(BandwidthLimitSchema, {
    statPrefix: qualifiedName(metadata),
    enableMode: direction === "request" ? REQUEST : RESPONSE,
    limitKbps: BigInt(limit.kibibytesPerSecond),
  });
  return pack(BandwidthLimitSchema, message);
}
