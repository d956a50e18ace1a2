/** What RateLimitPolicies bring to the sidecars of callers and of instances. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Filter } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { FilterConfigSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { placeOf, type RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { qualifiedName } from "../names.ts";
import { resolvePolicyTargets } from "../policy-targets.ts";
import { connectionFilters } from "./connection-limits.ts";
import { type FilterContribution, routeKey } from "./filter-contribution.ts";
import {
  BANDWIDTH_FILTERS,
  type BandwidthDirection,
  bandwidthLimit,
  noBandwidthLimit,
} from "./rate-limit-bandwidth.ts";
import { LOCAL_RATE_LIMIT_FILTER, localLimits, noLocalLimits } from "./rate-limit-filter.ts";
import { globalLimitFilters } from "./rate-limit-service.ts";
import { sheddingFilters } from "./rate-limit-shedding.ts";

const TARGETS = ["Service", "HTTPRoute", "GRPCRoute"] as const;

/** Contributions to the sidecars of a Service's callers, and to those of its instances. */
interface BothSides {
  readonly outbound: readonly FilterContribution[];
  readonly inbound: readonly FilterContribution[];
  /** What connections pass first. */
  readonly outboundConnections: readonly Filter[];
  readonly inboundConnections: readonly Filter[];
}

const NONE: BothSides = {
  outbound: [],
  inbound: [],
  outboundConnections: [],
  inboundConnections: [],
};

/** By Service (`namespace/name`). Resolves the policies once. */
export function resolveRateLimitFilters(
  snapshot: MeshSnapshot,
  findings: Findings,
): (service: string) => BothSides {
  const policies = resolvePolicyTargets(snapshot.rateLimitPolicies, TARGETS, snapshot, findings);
  if (policies.isEmpty) return () => NONE;
  const ofRoutes = [...snapshot.httpRoutes, ...snapshot.grpcRoutes].flatMap(
    ({ kind, metadata }) => {
      const name = qualifiedName(metadata);
      const policy = policies.of(kind, name);
      return policy === undefined ? [] : [[routeKey(kind, name), policy] as const];
    },
  );
  const parents = parentsOf([...snapshot.httpRoutes, ...snapshot.grpcRoutes]);
  return (service) => {
    const policy = policies.of("Service", service);
    const place = policy && placeOf(policy.spec);
    const connections = policy === undefined ? [] : connectionFilters(policy);
    return {
      outbound: contributions(
        place === "Client" ? policy : undefined,
        ofRoutes.filter(([key]) => parents.get(key)?.has(service) ?? true),
        snapshot,
        false,
      ),
      inbound: contributions(place === "Server" ? policy : undefined, [], snapshot, true),
      outboundConnections: place === "Client" ? connections : [],
      inboundConnections: place === "Server" ? connections : [],
    };
  };
}

/** By `routeKey`, the Services whose callers a route is for. Those that have other parents may be for any. */
function parentsOf(
  routes: readonly (HttpRoute | GrpcRoute)[],
): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    routes
      .filter(({ spec: { parentRefs = [] } }) => parentRefs.every(({ kind }) => kind === "Service"))
      .map(({ kind, metadata, spec: { parentRefs = [] } }) => [
        routeKey(kind, qualifiedName(metadata)),
        new Set(
          parentRefs.map(({ name, namespace = metadata.namespace }) =>
            qualifiedName({ name, namespace }),
          ),
        ),
      ]),
  );
}

type PolicyOfRoute = readonly [key: string, policy: RateLimitPolicy];

function contributions(
  ofHost: RateLimitPolicy | undefined,
  ofRoutes: readonly PolicyOfRoute[],
  { trustDomain }: MeshSnapshot,
  isInbound: boolean,
): readonly FilterContribution[] {
  if (ofHost === undefined && ofRoutes.length === 0) return [];
  const cause = ofHost ?? ofRoutes[0]?.[1];
  const limits = contribution(
    LOCAL_RATE_LIMIT_FILTER,
    noLocalLimits(),
    ofHost,
    ofRoutes,
    (policy) => localLimits(policy, trustDomain),
  );
  return [
    {
      ...limits,
      ...(cause === undefined
        ? {}
        : { replies: { flags: ["RL"], cause: `${cause.kind}/${qualifiedName(cause.metadata)}` } }),
    },
    ...globalLimitFilters({ ofHost, ofRoutes, trustDomain, isInbound }),
    bandwidthFilter("request", ofHost, ofRoutes),
    bandwidthFilter("response", ofHost, ofRoutes),
    ...(isInbound && ofHost !== undefined ? sheddingFilters(ofHost, trustDomain) : []),
  ].filter(isUsed);
}

function bandwidthFilter(
  direction: BandwidthDirection,
  ofHost: RateLimitPolicy | undefined,
  ofRoutes: readonly PolicyOfRoute[],
): FilterContribution {
  const limitOf = (policy: RateLimitPolicy): Any | undefined => bandwidthLimit(policy, direction);
  return contribution(BANDWIDTH_FILTERS[direction], noBandwidthLimit(), ofHost, ofRoutes, limitOf);
}

/** A route's policy holds as a whole: where it has nothing for the filter, the Service's must not act either. */
function contribution(
  name: string,
  ofListener: Any,
  ofHost: RateLimitPolicy | undefined,
  ofRoutes: readonly PolicyOfRoute[],
  configOf: (policy: RateLimitPolicy) => Any | undefined,
): FilterContribution {
  const hostConfig = ofHost && configOf(ofHost);
  const routes = ofRoutes.flatMap(([key, policy]) => {
    const config = configOf(policy) ?? (hostConfig && disabled());
    return config === undefined ? [] : [[key, config] as const];
  });
  return { name, ofListener, ofHost: hostConfig, ofRoutes: new Map(routes) };
}

function isUsed({ ofHost, ofRoutes, actsAlways }: FilterContribution): boolean {
  return actsAlways === true || ofHost !== undefined || ofRoutes.size > 0;
}

function disabled(): Any {
  return pack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }));
}
