/** Local limits of RateLimitPolicies as Envoy's local rate limit filter: in callers' sidecars or in instances' own. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../gen/envoy/config/core/v3/base_pb.js";
import { XRateLimitHeadersRFCVersion } from "../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import { LocalRateLimitSchema } from "../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { RATE_LIMIT_UNIT_MS, type RateLimitAmount } from "../../resource/kinds/rate-limit-rule.ts";
import { duration, pack } from "../message.ts";
import { qualifiedName } from "../names.ts";
import { limitEntries } from "./rate-limit-descriptors.ts";

export const LOCAL_RATE_LIMIT_FILTER = "envoy.filters.http.local_ratelimit";

/** The least that a listener says: without `filter_enabled` nothing is counted. */
export function noLocalLimits(): Any {
  return pack(LocalRateLimitSchema, create(LocalRateLimitSchema, { statPrefix: "none" }));
}

/** Envoy wants a bucket for requests that no rule counts. This one never empties, and our sidecars leave it out. */
const UNLIMITED = {
  maxTokens: 0xffff_ffff,
  tokensPerFill: 0xffff_ffff,
  fillInterval: duration(1_000),
};

/** Undefined where the policy has none. */
export function localLimits(policy: RateLimitPolicy, trustDomain: string): Any | undefined {
  const { local, mode, response, tellsClients } = policy.spec;
  if (local === undefined) return undefined;
  const names = { trustDomain, namespace: policy.metadata.namespace };
  const rules = local.rules.map((rule) => ({ rule, entries: limitEntries(rule, names) }));
  const message = create(LocalRateLimitSchema, {
    statPrefix: qualifiedName(policy.metadata),
    status: { code: response.status },
    tokenBucket: UNLIMITED,
    filterEnabled: percent(100),
    filterEnforced: percent(mode === "Enforce" ? 100 : 0),
    responseHeadersToAdd: response.headers.map(({ name, value }) => ({
      header: { key: name, value: value.replaceAll("%", "%%") },
      appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
    descriptors: rules.map(({ rule, entries }) => ({
      entries: entries.map(({ key, value }) => ({ key, value })),
      tokenBucket: bucket(rule.limit),
    })),
    rateLimits: rules.map(({ entries }) => ({ actions: entries.map(({ action }) => action) })),
    maxDynamicDescriptors: local.maxClients,
    alwaysConsumeDefaultTokenBucket: false,
    enableXRatelimitHeaders: tellsClients
      ? XRateLimitHeadersRFCVersion.DRAFT_VERSION_03
      : XRateLimitHeadersRFCVersion.OFF,
    enableRetryAfterHeader: tellsClients,
    rateLimitedAsResourceExhausted: true,
  });
  return pack(LocalRateLimitSchema, message);
}

function percent(numerator: number): { defaultValue: { numerator: number } } {
  return { defaultValue: { numerator } };
}

function bucket({ requests, unit, burst = Math.ceil(requests / 2) }: RateLimitAmount) {
  return {
    maxTokens: burst,
    tokensPerFill: requests,
    fillInterval: duration(RATE_LIMIT_UNIT_MS[unit]),
  };
}
