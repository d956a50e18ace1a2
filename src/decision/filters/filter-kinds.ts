/** The HTTP filters that there are: what each reads from configuration. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { GrpcWebSchema } from "../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import type { FieldError } from "../field-error.ts";
import { type ConcurrencyRule, compileConcurrency } from "./admission-concurrency-rule.ts";
import { type AdmissionRule, compileAdmission } from "./admission-rule.ts";
import { type BandwidthRule, compileBandwidth } from "./bandwidth-rule.ts";
import { type CacheRule, compileCache } from "./cache-rule.ts";
import { type CorsRule, compileCors, compileCorsPolicy, inheritCors } from "./cors-rule.ts";
import {
  compileExtAuthz,
  compileExtAuthzOfRoute,
  type ExtAuthzRouteRule,
  type ExtAuthzRule,
  inheritExtAuthz,
} from "./ext-authz-rule.ts";
import { compileFaultReset, type FaultResetRule } from "./fault-reset-rule.ts";
import { compileFault, type FaultRule } from "./fault-rule.ts";
import {
  compileJwtAuthn,
  compileJwtAuthnOfRoute,
  type JwtAuthnRouteRule,
  type JwtAuthnRule,
} from "./jwt-authn-rule.ts";
import { compileLocalRateLimit, type LocalRateLimitRule } from "./local-rate-limit-rule.ts";
import { compileOidc, type OidcRule } from "./oidc-rule.ts";
import {
  compileRateLimitService,
  compileRateLimitServiceOfRoute,
  type RateLimitServiceRouteRule,
  type RateLimitServiceRule,
} from "./rate-limit-service-rule.ts";
import { compileRbacFilter, compileRbacOfRoute, type RbacRule } from "./rbac-rule.ts";
import {
  compileStatefulSession,
  compileStatefulSessionOfRoute,
  type StatefulSessionRule,
} from "./stateful-session-rule.ts";

/** One filter's compiled configuration; `kind` says which. */
export type FilterRule =
  | CacheRule
  | CorsRule
  | ExtAuthzRule
  | ExtAuthzRouteRule
  | FaultRule
  | FaultResetRule
  | GrpcWebRule
  | JwtAuthnRule
  | JwtAuthnRouteRule
  | LocalRateLimitRule
  | OidcRule
  | RateLimitServiceRule
  | RateLimitServiceRouteRule
  | AdmissionRule
  | BandwidthRule
  | ConcurrencyRule
  | RbacRule
  | StatefulSessionRule;

/** Calls of gRPC-Web become calls of gRPC. */
export interface GrpcWebRule {
  readonly kind: "grpc-web";
}

/** Both return undefined for messages that are not this filter's. What is wrong in those that are goes to `errors`. */
export interface FilterKind {
  ofListener(config: Any, path: string, errors: FieldError[]): FilterRule | undefined;
  ofRoute(config: Any, path: string, errors: FieldError[]): FilterRule | undefined;
}

const grpcWeb: FilterKind = {
  ofListener: (config) =>
    anyUnpack(config, GrpcWebSchema) === undefined ? undefined : { kind: "grpc-web" },
  ofRoute: () => undefined,
};

const cache: FilterKind = { ofListener: compileCache, ofRoute: compileCache };
const cors: FilterKind = { ofListener: compileCors, ofRoute: compileCorsPolicy };
const extAuthz: FilterKind = { ofListener: compileExtAuthz, ofRoute: compileExtAuthzOfRoute };
const fault: FilterKind = { ofListener: compileFault, ofRoute: compileFault };
const faultReset: FilterKind = { ofListener: compileFaultReset, ofRoute: compileFaultReset };

const bandwidth: FilterKind = {
  ofListener: (config, path, errors) => compileBandwidth(config, path, errors, false),
  ofRoute: (config, path, errors) => compileBandwidth(config, path, errors, true),
};
const admission: FilterKind = { ofListener: compileAdmission, ofRoute: compileAdmission };
// As in Envoy, nothing but the listener speaks of it.
const concurrency: FilterKind = { ofListener: compileConcurrency, ofRoute: () => undefined };
const localRateLimit: FilterKind = {
  ofListener: (config, path, errors) => compileLocalRateLimit(config, path, errors, false),
  ofRoute: (config, path, errors) => compileLocalRateLimit(config, path, errors, true),
};
const oidc: FilterKind = { ofListener: compileOidc, ofRoute: compileOidc };
const rateLimitService: FilterKind = {
  ofListener: compileRateLimitService,
  ofRoute: compileRateLimitServiceOfRoute,
};
const rbac: FilterKind = { ofListener: compileRbacFilter, ofRoute: compileRbacOfRoute };
const jwtAuthn: FilterKind = { ofListener: compileJwtAuthn, ofRoute: compileJwtAuthnOfRoute };
const statefulSession: FilterKind = {
  ofListener: compileStatefulSession,
  ofRoute: compileStatefulSessionOfRoute,
};

export const FILTER_KINDS: readonly FilterKind[] = [
  cache,
  cors,
  extAuthz,
  fault,
  faultReset,
  grpcWeb,
  jwtAuthn,
  localRateLimit,
  oidc,
  rateLimitService,
  admission,
  bandwidth,
  concurrency,
  rbac,
  statefulSession,
];

/** A route's rule where the virtual host or table around it has one, too: only some kinds join them. */
export function inheritRule(rule: FilterRule, outer: FilterRule): FilterRule {
  if (rule.kind === "ext-authz-route" && outer.kind === "ext-authz-route") {
    return inheritExtAuthz(rule, outer);
  }
  return rule.kind === "cors" && outer.kind === "cors" ? inheritCors(rule, outer) : rule;
}
