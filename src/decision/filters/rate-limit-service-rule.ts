/**
 * Envoy's filter for limits that a service keeps for all proxies, compiled: whom to ask, for how long, and what to do
 * without an answer. What is asked about stands on routes and their hosts (`rate_limits`).
 */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { RATE_LIMIT_SERVICE_MS, RATE_LIMIT_STAGE_MAX } from "../../core/limits.ts";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import type { RateLimit as RateLimitActions } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import {
  RateLimit_XRateLimitHeadersRFCVersion as HeadersVersion,
  RateLimitPerRoute_VhRateLimitsOptions as HostOptions,
  type RateLimit,
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";
import { compileMutations, type HeaderMutations } from "../header-mutation.ts";
import { compileRateLimits, type DescriptorRule } from "./rate-limit-descriptor.ts";

export interface RateLimitServiceRule {
  readonly kind: "rate-limit-service";
  /** What the service knows these limits by. */
  readonly domain: string;
  /** Only lists of actions of this stage count. */
  readonly stage: number;
  readonly requestType: "both" | "internal" | "external";
  /** How long an answer is waited for. 0 for no limit. */
  readonly timeoutMs: number;
  /** Requests are turned away when the service does not answer. */
  readonly deniesOnFailure: boolean;
  /** For gRPC clients: RESOURCE_EXHAUSTED instead of UNAVAILABLE. */
  readonly isExhausted: boolean;
  /** Of the service. */
  readonly cluster: string;
  /** Answers carry the state of the limit; refusals x-envoy-ratelimited. */
  readonly tellsLimit: boolean;
  readonly marksRefusals: boolean;
  readonly status: number;
  readonly failureStatus: number;
  /** Of refusals. */
  readonly responseMutations: HeaderMutations;
}

/** What a host or route says to the filter. */
export interface RateLimitServiceRouteRule {
  readonly kind: "rate-limit-service-route";
  /** Instead of the filter's; or empty. */
  readonly domain: string;
  /** Whether the lists of the virtual host count for a route with lists of its own, for one without, or for none. */
  readonly hostLimits: "include" | "override" | "ignore";
}

/** The lists of actions of a route and of its virtual host. */
export interface RouteLimits {
  readonly own: readonly StagedLimit[];
  readonly ofHost: readonly StagedLimit[];
}

export interface StagedLimit {
  readonly stage: number;
  readonly rule: DescriptorRule;
}

const STATUS_LIMITED = 429;
const STATUS_FAILED = 500;
/** Envoy's: statuses below would not be taken for a refusal. */
const STATUS_MIN = 400;

/** Undefined for messages of other filters. */
export function compileRateLimitService(
  config: Any,
  path: string,
  errors: FieldError[],
): RateLimitServiceRule | undefined {
  const message = anyUnpack(config, RateLimitSchema);
  if (message === undefined) return undefined;
  const { domain, stage, timeout, enableXRatelimitHeaders } = message;
  if (domain === "") errors.push({ path: `${path}.domain`, message: "is required" });
  checkStage(stage, path, errors);
  return {
    kind: "rate-limit-service",
    domain,
    stage,
    requestType: requestTypeOf(message, path, errors),
    timeoutMs: compileDuration(timeout, `${path}.timeout`, errors) ?? RATE_LIMIT_SERVICE_MS,
    deniesOnFailure: message.failureModeDeny,
    isExhausted: message.rateLimitedAsResourceExhausted,
    cluster: clusterOf(message, `${path}.rate_limit_service`, errors),
    tellsLimit: enableXRatelimitHeaders === HeadersVersion.DRAFT_VERSION_03,
    marksRefusals: !message.disableXEnvoyRatelimitedHeader,
    status: statusOf(message.rateLimitedStatus?.code, STATUS_LIMITED),
    failureStatus: statusOf(message.statusOnError?.code, STATUS_FAILED),
    responseMutations: compileHeaders(message, path, errors),
  };
}

/** The same for `typed_per_filter_config`. */
export function compileRateLimitServiceOfRoute(config: Any): RateLimitServiceRouteRule | undefined {
  const message = anyUnpack(config, RateLimitPerRouteSchema);
  if (message === undefined) return undefined;
  const { domain, vhRateLimits } = message;
  return { kind: "rate-limit-service-route", domain, hostLimits: HOST_LIMITS[vhRateLimits] };
}

const HOST_LIMITS: Readonly<Record<HostOptions, RateLimitServiceRouteRule["hostLimits"]>> = {
  [HostOptions.OVERRIDE]: "override",
  [HostOptions.INCLUDE]: "include",
  [HostOptions.IGNORE]: "ignore",
};

/** Undefined where neither has any. `hostPath` is where the virtual host stands. */
export function compileRouteLimits(
  own: readonly RateLimitActions[],
  ofHost: readonly RateLimitActions[],
  paths: { readonly route: string; readonly host: string },
  errors: FieldError[],
): RouteLimits | undefined {
  if (own.length === 0 && ofHost.length === 0) return undefined;
  // Each of the host's routes compiles them: what is wrong is told once.
  const hostErrors: FieldError[] = [];
  const limits = {
    own: compileStaged(own, `${paths.route}.route.rate_limits`, errors),
    ofHost: compileStaged(ofHost, `${paths.host}.rate_limits`, hostErrors),
  };
  for (const error of hostErrors) {
    if (!errors.some(({ path }) => path === error.path)) errors.push(error);
  }
  return limits;
}

function compileStaged(
  list: readonly RateLimitActions[],
  path: string,
  errors: FieldError[],
): readonly StagedLimit[] {
  const rules = compileRateLimits(list, path, errors);
  return list.map(({ stage = 0 }, index) => {
    checkStage(stage, `${path}[${index}]`, errors);
    return { stage, rule: rules[index]! };
  });
}

function checkStage(stage: number, path: string, errors: FieldError[]): void {
  if (stage <= RATE_LIMIT_STAGE_MAX) return;
  errors.push({ path: `${path}.stage`, message: `at most ${RATE_LIMIT_STAGE_MAX}` });
}

function requestTypeOf(
  { requestType }: RateLimit,
  path: string,
  errors: FieldError[],
): RateLimitServiceRule["requestType"] {
  switch (requestType) {
    case "internal":
    case "external":
      return requestType;
    case "":
    case "both":
      return "both";
    default: {
      const message = 'must be one of "internal", "external", "both"';
      errors.push({ path: `${path}.request_type`, message });
      return "both";
    }
  }
}

function clusterOf({ rateLimitService }: RateLimit, path: string, errors: FieldError[]): string {
  if (rateLimitService?.transportApiVersion !== ApiVersion.V3) {
    errors.push({ path: `${path}.transport_api_version`, message: "only V3 is implemented" });
  }
  const target = rateLimitService?.grpcService?.targetSpecifier;
  const name = target?.case === "envoyGrpc" ? target.value.clusterName : "";
  if (name === "") {
    const message = "is required: the cluster of the rate limit service";
    errors.push({ path: `${path}.grpc_service.envoy_grpc.cluster_name`, message });
  }
  if (rateLimitService?.grpcService?.timeout !== undefined) {
    const message = "is not implemented here: the filter's own timeout holds";
    errors.push({ path: `${path}.grpc_service.timeout`, message });
  }
  if (target?.case === "envoyGrpc" && target.value.authority !== "") {
    const message = "is not implemented here: the service is asked as the cluster's name";
    errors.push({ path: `${path}.grpc_service.envoy_grpc.authority`, message });
  }
  return name;
}

function statusOf(code: number | undefined, byDefault: number): number {
  return code !== undefined && code >= STATUS_MIN ? code : byDefault;
}

function compileHeaders(
  { responseHeadersToAdd }: RateLimit,
  path: string,
  errors: FieldError[],
): HeaderMutations {
  const found: FieldError[] = [];
  const { responseMutations } = compileMutations(
    {
      requestHeadersToAdd: [],
      requestHeadersToRemove: [],
      responseHeadersToAdd,
      responseHeadersToRemove: [],
    },
    "",
    found,
  );
  for (const error of found) errors.push({ ...error, path: `${path}.${error.path}` });
  return responseMutations;
}
