/**
 * Global limits of RateLimitPolicies as Envoy's rate limit filter. Each policy has a filter of its own, because its
 * service, timeout and answer stand in the listener, disabled there; hosts and routes turn it on and say what is asked.
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import {
  FilterConfigSchema,
  type RateLimit,
  RateLimitSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import {
  RateLimit_XRateLimitHeadersRFCVersion as HeadersVersion,
  RateLimitPerRoute_VhRateLimitsOptions as HostOptions,
  RateLimitSchema as RateLimitFilterSchema,
  RateLimitPerRouteSchema,
} from "../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { duration, pack } from "../message.ts";
import { qualifiedName } from "../names.ts";
import type { FilterContribution } from "./filter-contribution.ts";
import { limitEntries } from "./rate-limit-descriptors.ts";
import { rateLimitClusterName } from "./rate-limit-service-cluster.ts";

export const RATE_LIMIT_FILTER = "envoy.filters.http.ratelimit";

export interface GlobalLimitTargets {
  /** The policy of the Service, where it holds on this side. */
  readonly ofHost: RateLimitPolicy | undefined;
  /** Those of routes, by `routeKey`. Each goes before the Service's as a whole. */
  readonly ofRoutes: readonly (readonly [key: string, policy: RateLimitPolicy])[];
  readonly trustDomain: string;
  readonly isInbound: boolean;
}

/** One contribution for each policy with global limits. */
export function globalLimitFilters(targets: GlobalLimitTargets): readonly FilterContribution[] {
  const { ofHost, ofRoutes } = targets;
  const policies = new Set([...(ofHost ? [ofHost] : []), ...ofRoutes.map(([, policy]) => policy)]);
  return [...policies]
    .filter(({ spec }) => spec.global !== undefined)
    .map((policy) => ({
      ...contributionOf(policy, targets),
      // A flag does not tell which of several policies refused.
      ...(policies.size === 1 ? { replies: { flags: FLAGS, cause: causeOf(policy) } } : {}),
    }));
}

/** Envoy's response flags of a refusal, and of one because the service did not answer. */
const FLAGS = ["RL", "RLSE"];

function causeOf({ kind, metadata }: RateLimitPolicy): string {
  return `${kind}/${qualifiedName(metadata)}`;
}

function contributionOf(
  policy: RateLimitPolicy,
  { ofHost, ofRoutes, trustDomain, isInbound }: GlobalLimitTargets,
): FilterContribution {
  const own = ofRoutes.filter(([, other]) => other === policy).map(([key]) => key);
  const others = ofRoutes.filter(([, other]) => other !== policy).map(([key]) => key);
  const isOfHost = policy === ofHost;
  const limits = actionsOf(policy, trustDomain);
  return {
    // An app's port has one: of several Services behind it the first one's policy holds.
    name: isInbound ? RATE_LIMIT_FILTER : `${RATE_LIMIT_FILTER}/${qualifiedName(policy.metadata)}`,
    ofListener: filterOf(policy),
    ofHost: isOfHost ? perRoute(HostOptions.OVERRIDE) : undefined,
    ofRoutes: new Map([
      ...own.map((key) => [key, perRoute(HostOptions.IGNORE)] as const),
      ...(isOfHost ? others.map((key) => [key, disabled()] as const) : []),
    ]),
    ...(isOfHost ? { limitsOfHost: limits } : {}),
    limitsOfRoutes: new Map(own.map((key) => [key, limits] as const)),
  };
}

function actionsOf(policy: RateLimitPolicy, trustDomain: string): readonly RateLimit[] {
  const names = { trustDomain, namespace: policy.metadata.namespace };
  return (policy.spec.global?.rules ?? []).map((rule) =>
    create(RateLimitSchema, { actions: limitEntries(rule, names).map(({ action }) => action) }),
  );
}

function filterOf(policy: RateLimitPolicy): Any {
  const { spec, metadata } = policy;
  const { service, timeout = "20ms", onFailure } = spec.global ?? {};
  const message = create(RateLimitFilterSchema, {
    domain: service?.domain ?? qualifiedName(metadata),
    timeout: duration(durationMs(timeout)),
    failureModeDeny: onFailure === "Deny",
    rateLimitedAsResourceExhausted: true,
    rateLimitService: {
      grpcService: {
        targetSpecifier: {
          case: "envoyGrpc",
          value: { clusterName: rateLimitClusterName(policy) },
        },
      },
      transportApiVersion: ApiVersion.V3,
    },
    enableXRatelimitHeaders: spec.tellsClients
      ? HeadersVersion.DRAFT_VERSION_03
      : HeadersVersion.OFF,
    rateLimitedStatus: { code: spec.response.status },
    responseHeadersToAdd: spec.response.headers.map(({ name, value }) => ({
      header: { key: name, value: value.replaceAll("%", "%%") },
    })),
  });
  return pack(RateLimitFilterSchema, message);
}

function perRoute(vhRateLimits: HostOptions): Any {
  return pack(RateLimitPerRouteSchema, create(RateLimitPerRouteSchema, { vhRateLimits }));
}

function disabled(): Any {
  return pack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }));
}
