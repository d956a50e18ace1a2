/**
 * Envoy's CorsPolicy, compiled: which origins may read answers, and what a preflight is answered (the Fetch standard's
 * CORS protocol). What a route leaves out comes from its virtual host, then from its table, field by field.
 */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  CorsPolicySchema,
  CorsSchema,
} from "../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileFraction } from "../fraction.ts";
import type { RequestView } from "../request-view.ts";
import { compileStringMatcher, type StringTest } from "../string-matcher.ts";

export interface CorsRule {
  readonly kind: "cors";
  /** One that passes is enough. */
  readonly origins: readonly StringTest[];
  /** Values of the fields of a preflight's answer; empty for none, `*` for what the request asks for. */
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly allowsCredentials: boolean | undefined;
  readonly allowsPrivateNetwork: boolean | undefined;
  /** A preflight of an origin that is not allowed goes to the upstream. */
  readonly forwardsRefused: boolean | undefined;
  /** Shares of requests, 0 to 1: for which the rule acts, and for which it only counts. */
  readonly enabledShare: number;
  readonly shadowShare: number;
}

/** Without a policy of its route the filter does nothing. */
const NO_POLICY: CorsRule = {
  kind: "cors",
  origins: [],
  allowMethods: "",
  allowHeaders: "",
  exposeHeaders: "",
  maxAge: "",
  allowsCredentials: undefined,
  allowsPrivateNetwork: undefined,
  forwardsRefused: undefined,
  enabledShare: 0,
  shadowShare: 0,
};

/** Undefined for other messages, as in what follows. */
export function compileCors(config: Any): CorsRule | undefined {
  return anyUnpack(config, CorsSchema) === undefined ? undefined : NO_POLICY;
}

export function compileCorsPolicy(
  config: Any,
  path: string,
  errors: FieldError[],
): CorsRule | undefined {
  const policy = anyUnpack(config, CorsPolicySchema);
  if (policy === undefined) return undefined;
  const shadow = policy.shadowEnabled;
  return {
    kind: "cors",
    origins: policy.allowOriginStringMatch.map((matcher, index) => {
      const at = `${path}.allow_origin_string_match[${index}]`;
      const test = compileStringMatcher(matcher, at, errors);
      // As in Envoy, what takes the text "*" takes every origin.
      return test("*") ? () => true : test;
    }),
    allowMethods: policy.allowMethods,
    allowHeaders: policy.allowHeaders,
    exposeHeaders: policy.exposeHeaders,
    maxAge: policy.maxAge,
    allowsCredentials: policy.allowCredentials,
    allowsPrivateNetwork: policy.allowPrivateNetworkAccess,
    forwardsRefused: policy.forwardNotMatchingPreflights,
    enabledShare: compileFraction(policy.filterEnabled, `${path}.filter_enabled`, errors, 1),
    shadowShare: compileFraction(shadow, `${path}.shadow_enabled`, errors, 0),
  };
}

/** What the more general policy adds to a more specific one. Shares are those of the more specific alone. */
export function inheritCors(rule: CorsRule, outer: CorsRule): CorsRule {
  return {
    kind: "cors",
    origins: rule.origins.length > 0 ? rule.origins : outer.origins,
    allowMethods: rule.allowMethods || outer.allowMethods,
    allowHeaders: rule.allowHeaders || outer.allowHeaders,
    exposeHeaders: rule.exposeHeaders || outer.exposeHeaders,
    maxAge: rule.maxAge || outer.maxAge,
    allowsCredentials: rule.allowsCredentials ?? outer.allowsCredentials,
    allowsPrivateNetwork: rule.allowsPrivateNetwork ?? outer.allowsPrivateNetwork,
    forwardsRefused: rule.forwardsRefused ?? outer.forwardsRefused,
    enabledShare: rule.enabledShare,
    shadowShare: rule.shadowShare,
  };
}

export function allowsOrigin({ origins }: CorsRule, origin: string): boolean {
  for (let i = 0; i < origins.length; i++) if (origins[i]!(origin)) return true;
  return false;
}

/** Fetch standard, section "CORS-preflight request". The request has an Origin. */
export function isPreflight(request: RequestView): boolean {
  return (
    request.method === "OPTIONS" && (request.header("access-control-request-method") ?? "") !== ""
  );
}
