/**
 * FaultPolicies in the sidecars of callers: delays, aborts and slow answers as Envoy's fault filter has them, resets
 * as a filter of ours in front of it, which Envoy passes over. A policy whose time is over has no effect.
 */
import { create, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  FilterConfigSchema,
  HeaderMatcherSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { HTTPFaultSchema } from "../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import {
  FractionalPercent_DenominatorType as Denominator,
  FractionalPercentSchema,
} from "../../gen/envoy/type/v3/percent_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { GRPC_CODE_NAMES } from "../../http/grpc-code-names.ts";
import { durationMs } from "../../resource/duration.ts";
import {
  type FaultPolicy,
  type FaultPolicySpec,
  faultEndMs,
} from "../../resource/kinds/fault-policy.ts";
import { keyOf } from "../../resource/object.ts";
import { type Caller, isFrom } from "../caller.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { duration, pack } from "../message.ts";
import { qualifiedName } from "../names.ts";
import { type PolicyTargets, resolvePolicyTargets } from "../policy-targets.ts";
import { type FilterContribution, type FilterSettings, routeKey } from "./filter-contribution.ts";
import { requestMatchers } from "./request-matchers.ts";

export const FAULT_FILTER = "envoy.filters.http.fault";
export const RESET_FILTER = "tulle.filters.http.fault_reset";
const RESET_TYPE_URL = "type.googleapis.com/tulle.filters.http.fault_reset.v1.Reset";

const TARGETS = ["Service", "HTTPRoute", "GRPCRoute"] as const;

/** What the policies in force bring to the callers of a Service. Resolved once. */
export function resolveFaultFilters(
  snapshot: MeshSnapshot,
  findings: Findings,
): (service: string) => readonly FilterContribution[] {
  const active = snapshot.faultPolicies.filter((policy) => isActive(policy, snapshot, findings));
  const policies = resolvePolicyTargets(active, TARGETS, snapshot, findings);
  if (policies.isEmpty) return () => [];
  const ofRoutes = policiesOfRoutes(policies, snapshot);
  return (service) => {
    const ofHost = policies.of("Service", service);
    return [resetFilter(ofHost, ofRoutes), faultFilter(ofHost, ofRoutes)].filter(isUsed);
  };
}

function isActive(policy: FaultPolicy, { asOfMs }: MeshSnapshot, findings: Findings): boolean {
  const endMs = faultEndMs(policy);
  if (asOfMs === undefined || endMs === undefined || asOfMs < endMs) return true;
  const ended = new Date(endMs).toISOString();
  const message = `its time was over at ${ended}: delete it, or set expiresAt to go on`;
  findings.add("policy-expired", { object: keyOf(policy), path: "" }, message);
  return false;
}

type PoliciesOfRoutes = ReadonlyMap<string, FaultPolicy>;

function policiesOfRoutes(
  policies: PolicyTargets<FaultPolicy>,
  { httpRoutes, grpcRoutes }: MeshSnapshot,
): PoliciesOfRoutes {
  const entries = [...httpRoutes, ...grpcRoutes].flatMap(({ kind, metadata }) => {
    const name = qualifiedName(metadata);
    const policy = policies.of(kind, name);
    return policy === undefined ? [] : [[routeKey(kind, name), policy] as const];
  });
  return new Map(entries);
}

function isUsed({ ofHost, ofRoutes }: FilterContribution): boolean {
  return ofHost !== undefined || ofRoutes.size > 0;
}

function faultFilter(ofHost: FaultPolicy | undefined, ofRoutes: PoliciesOfRoutes) {
  return contribution(FAULT_FILTER, faultConfig({}), ofHost, ofRoutes, (spec) =>
    spec.delay === undefined && spec.abort === undefined && spec.responseRateLimit === undefined
      ? undefined
      : faultConfig(faultOf(spec)),
  );
}

function resetFilter(ofHost: FaultPolicy | undefined, ofRoutes: PoliciesOfRoutes) {
  const made = contribution(RESET_FILTER, resetConfig({}), ofHost, ofRoutes, ({ reset, match }) =>
    reset === undefined
      ? undefined
      : optional(
          resetConfig({
            percentage: toJson(
              FractionalPercentSchema,
              create(FractionalPercentSchema, share(reset)),
            ),
            headers: requestMatchers(match).map((matcher) => toJson(HeaderMatcherSchema, matcher)),
          }),
        ),
  );
  return { ...made, isOptional: true };
}

/**
 * A route's policy holds as a whole: where it brings no fault of the filter's kind, the Service's must not act
 * either, so that the filter is disabled there.
 */
function contribution(
  name: string,
  ofListener: Any,
  ofHost: FaultPolicy | undefined,
  ofRoutes: PoliciesOfRoutes,
  configOf: (spec: FaultPolicySpec) => Any | undefined,
): FilterContribution {
  const settingsFor = (caller: Caller | undefined): FilterSettings => {
    const configFor = ({ spec }: FaultPolicy): Any | undefined =>
      isMeant(spec, caller) ? configOf(spec) : undefined;
    const hostConfig = ofHost && configFor(ofHost);
    const routes = [...ofRoutes].flatMap(([key, policy]) => {
      const config = configFor(policy) ?? (hostConfig && disabled());
      return config === undefined ? [] : [[key, config] as const];
    });
    return { ofHost: hostConfig, ofRoutes: new Map(routes) };
  };
  const policies = [...(ofHost === undefined ? [] : [ofHost]), ...ofRoutes.values()];
  const isSelective = policies.some(({ spec }) => spec.match?.sources !== undefined);
  const cause = ofHost ?? [...ofRoutes.values()][0];
  return {
    name,
    ofListener,
    // Who calls is known where it makes a difference: the listener has what any caller needs.
    ...settingsFor(undefined),
    ...(isSelective ? { forCaller: settingsFor } : {}),
    ...(cause === undefined
      ? {}
      : { replies: { flags: ["FI"], cause: `${cause.kind}/${qualifiedName(cause.metadata)}` } }),
  };
}

/** Undefined: any caller. */
function isMeant({ match }: FaultPolicySpec, caller: Caller | undefined): boolean {
  const sources = match?.sources;
  if (caller === undefined || sources === undefined) return true;
  return sources.some((source) => isFrom(source, caller));
}

type FaultInit = MessageInitShape<typeof HTTPFaultSchema>;

function faultConfig(fault: FaultInit): Any {
  return pack(HTTPFaultSchema, create(HTTPFaultSchema, fault));
}

function faultOf(spec: FaultPolicySpec): FaultInit {
  return {
    ...(spec.delay && { delay: delayOf(spec.delay) }),
    ...(spec.abort && { abort: abortOf(spec.abort) }),
    ...(spec.responseRateLimit && { responseRateLimit: limitOf(spec.responseRateLimit) }),
    ...(spec.maxActive !== undefined && { maxActiveFaults: spec.maxActive }),
    headers: requestMatchers(spec.match),
    // Callers' names would become names of metrics.
    disableDownstreamClusterStats: true,
  };
}

function delayOf(delay: NonNullable<FaultPolicySpec["delay"]>): NonNullable<FaultInit["delay"]> {
  return {
    faultDelaySecifier:
      delay.duration === undefined
        ? { case: "headerDelay", value: {} }
        : { case: "fixedDelay", value: duration(durationMs(delay.duration)) },
    percentage: share(delay),
  };
}

function abortOf(abort: NonNullable<FaultPolicySpec["abort"]>): NonNullable<FaultInit["abort"]> {
  const percentage = share(abort);
  if (abort.httpStatus !== undefined) {
    return { errorType: { case: "httpStatus", value: abort.httpStatus }, percentage };
  }
  if (abort.grpcStatus !== undefined) {
    const value = GRPC_CODE_NAMES.indexOf(abort.grpcStatus);
    return { errorType: { case: "grpcStatus", value }, percentage };
  }
  return { errorType: { case: "headerAbort", value: {} }, percentage };
}

function limitOf(
  limit: NonNullable<FaultPolicySpec["responseRateLimit"]>,
): NonNullable<FaultInit["responseRateLimit"]> {
  return {
    limitType:
      limit.kibibytesPerSecond === undefined
        ? { case: "headerLimit", value: {} }
        : { case: "fixedLimit", value: { limitKbps: BigInt(limit.kibibytesPerSecond) } },
    percentage: share(limit),
  };
}

/** Millionths, the finest that there is. */
function share({ percentage }: { readonly percentage: number }) {
  return { numerator: Math.round(percentage * 10_000), denominator: Denominator.MILLION };
}

function resetConfig(value: JsonObject): Any {
  return pack(TypedStructSchema, create(TypedStructSchema, { typeUrl: RESET_TYPE_URL, value }));
}

function optional(config: Any): Any {
  return pack(FilterConfigSchema, create(FilterConfigSchema, { config, isOptional: true }));
}

function disabled(): Any {
  return pack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }));
}
