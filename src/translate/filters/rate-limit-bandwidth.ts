/** Bandwidth limits of RateLimitPolicies as Envoy's filter. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  BandwidthLimit_EnableMode,
  BandwidthLimitSchema,
} from "../../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { pack } from "../message.ts";
import { qualifiedName } from "../names.ts";

export const BANDWIDTH_FILTER = "envoy.filters.http.bandwidth_limit";

export function noBandwidthLimit(): Any {
  return pack(BandwidthLimitSchema, create(BandwidthLimitSchema, { statPrefix: "none" }));
}

/** Undefined where the policy has none. */
export function bandwidthLimit({ metadata, spec }: RateLimitPolicy): Any | undefined {
  const { bandwidth } = spec;
  if (bandwidth === undefined) return undefined;
  const message = create(BandwidthLimitSchema, {
    statPrefix: qualifiedName(metadata),
    enableMode: BandwidthLimit_EnableMode.RESPONSE,
    limitKbps: BigInt(bandwidth.response.kibibytesPerSecond),
  });
  return pack(BandwidthLimitSchema, message);
}
