/** One route: when it matches and what it does, compiled from Envoy's Route message. */

import { Buffer } from "node:buffer";
import { ROUTE_TIMEOUT_MS } from "../core/limits.ts";
import type { DataSource } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type DirectResponseAction,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  type RouteMatch,
  type Route as RouteMessage,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FractionalPercent } from "../gen/envoy/type/v3/percent_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../gen/envoy/type/v3/percent_pb.js";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";
import { compileRouteFilterRules, type RouteFilterRules } from "./filters/filter-rule.ts";
import { compileHeaderMatcher, type RequestTest } from "./header-matcher.ts";
import { compileMutations, type MessageMutations } from "./header-mutation.ts";
import { compileHostRewrite } from "./host-rewrite.ts";
import { compilePathMatcher, NO_PATH, type PathMatcher } from "./path-matcher.ts";
import { type PathRewrite, prefixRewrite, regexRewrite } from "./path-rewrite.ts";
import { compileQueryMatcher } from "./query-matcher.ts";
import { compileRedirect, type RedirectRule } from "./redirect-rule.ts";
import { compileRetryPolicy, NO_RETRY, type RetryRule } from "./retry-rule.ts";
import { compileUpgrades, type UpgradeRules } from "./upgrade-rule.ts";
import { type ClusterSplit, compileWeightedClusters, singleCluster } from "./weighted-clusters.ts";

const ANY_PATH: PathMatcher = { matches: () => true, matchedPart: undefined, isAny: true };

const EXPECTED_TIMEOUT = new HeaderName("x-envoy-expected-rq-timeout-ms");

export interface ForwardAction {
  readonly kind: "forward";
  readonly split: ClusterSplit;
  readonly rewritePath: PathRewrite | undefined;
  readonly hostRewrite: string | undefined;
  /** 0 means no limit. */
  readonly timeoutMs: number;
  /** 0 means no limit, undefined the listener's. */
  readonly idleTimeoutMs: number | undefined;
  readonly retry: RetryRule;
  /** Tells the upstream how long a try's answer will be waited for. Undefined where there is no limit. */
  readonly expectedTimeout: HeaderField | undefined;
  readonly mirrors: readonly Mirror[];
  readonly upgrades: UpgradeRules;
  readonly clusterNotFoundStatus: number;
}

export interface Mirror {
  readonly cluster: string;
  /** Share of requests that are copied, 0 to 1. */
  readonly fraction: number;
  readonly appendsShadowSuffix: boolean;
}

export interface DirectResponse {
  readonly kind: "direct";
  readonly status: number;
  readonly body: string;
}

export interface Route extends MessageMutations {
  readonly name: string;
  /** Those of the virtual host and the table included. */
  readonly filterRules: RouteFilterRules;
  readonly path: PathMatcher;
  /** Matches CONNECT and nothing else, which no other route matches: CONNECT has no path. */
  readonly isForConnect: boolean;
  readonly tests: readonly RequestTest[];
  readonly action: ForwardAction | RedirectRule | DirectResponse;
}

/** `outer`: what the virtual host says to filters. */
export function compileRoute(
  route: RouteMessage,
  outer: RouteFilterRules,
  path: string,
  errors: FieldError[],
): Route {
  const match = route.match;
  if (match === undefined) errors.push({ path: `${path}.match`, message: "a match is required" });
  const isForConnect = match?.pathSpecifier.case === "connectMatcher";
  const pathMatcher = compilePath(match, `${path}.match`, errors);
  const headers = (match?.headers ?? []).map((matcher, index) =>
    compileHeaderMatcher(matcher, `${path}.match.headers[${index}]`, errors),
  );
  const query = (match?.queryParameters ?? []).map((matcher, index) =>
    compileQueryMatcher(matcher, `${path}.match.query_parameters[${index}]`, errors),
  );
  return {
    name: route.name,
    filterRules: compileRouteFilterRules(route.typedPerFilterConfig, outer, path, errors),
    path: pathMatcher,
    isForConnect,
    tests: [...headers, ...query],
    action: compileAction(route, pathMatcher.matchedPart, path, errors),
    ...compileMutations(route, path, errors),
  };
}

function compilePath(
  match: RouteMatch | undefined,
  path: string,
  errors: FieldError[],
): PathMatcher {
  if (match === undefined) return NO_PATH;
  if (match.pathSpecifier.case === "connectMatcher") return ANY_PATH;
  return compilePathMatcher(match, path, errors);
}

function compileAction(
  route: RouteMessage,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
): Route["action"] {
  const action = route.action;
  switch (action.case) {
    case "route":
      return compileForward(action.value, matchedPart, `${path}.route`, errors);
    case "redirect":
      return compileRedirect(action.value, matchedPart, `${path}.redirect`, errors);
    case "directResponse":
      return compileDirect(action.value, `${path}.direct_response`, errors);
    default:
      errors.push({ path, message: "one of route, redirect, direct_response is required" });
      return { kind: "direct", status: 500, body: "" };
  }
}

/** Envoy's bound: a route table is no place for pages. */
const DIRECT_BODY_BYTES_MAX = 4096;

function compileDirect(
  action: DirectResponseAction,
  path: string,
  errors: FieldError[],
): DirectResponse {
  const { status } = action;
  if (status < 200 || status > 599) {
    errors.push({ path: `${path}.status`, message: `${status} is not a status from 200 to 599` });
  }
  const body = directBody(action.body, `${path}.body`, errors);
  const size = Buffer.byteLength(body);
  if (size > DIRECT_BODY_BYTES_MAX) {
    const message = `has ${size} bytes, ${DIRECT_BODY_BYTES_MAX} are allowed`;
    errors.push({ path: `${path}.body`, message });
  }
  return { kind: "direct", status, body };
}

function directBody(source: DataSource | undefined, path: string, errors: FieldError[]): string {
  if (source === undefined) return "";
  switch (source.specifier.case) {
    case "inlineString":
      return source.specifier.value;
    case "inlineBytes":
      return Buffer.from(source.specifier.value).toString("utf8");
    default:
      errors.push({ path, message: "one of inline_string, inline_bytes is required" });
      return "";
  }
}

function compileForward(
  action: RouteAction,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
): ForwardAction {
  const host = action.hostRewriteSpecifier;
  const literal = host.case === "hostRewriteLiteral" ? host.value : "";
  const timeoutMs = compileDuration(action.timeout, `${path}.timeout`, errors) ?? ROUTE_TIMEOUT_MS;
  const retry =
    action.retryPolicy === undefined
      ? NO_RETRY
      : compileRetryPolicy(action.retryPolicy, `${path}.retry_policy`, errors);
  return {
    kind: "forward",
    split: compileSplit(action, path, errors),
    rewritePath: compileRewrite(action, matchedPart, path, errors),
    hostRewrite: compileHostRewrite(literal, `${path}.host_rewrite_literal`, errors),
    timeoutMs,
    idleTimeoutMs: compileDuration(action.idleTimeout, `${path}.idle_timeout`, errors),
    retry,
    expectedTimeout: expectedTimeout(timeoutMs, retry.perTryTimeoutMs),
    mirrors: action.requestMirrorPolicies.map((policy, index) =>
      compileMirror(policy, `${path}.request_mirror_policies[${index}]`, errors),
    ),
    upgrades: compileUpgrades(action.upgradeConfigs, `${path}.upgrade_configs`, errors),
    clusterNotFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode),
  };
}

function expectedTimeout(timeoutMs: number, perTryTimeoutMs: number): HeaderField | undefined {
  const isTryShorter = perTryTimeoutMs > 0 && (timeoutMs === 0 || perTryTimeoutMs < timeoutMs);
  const limitMs = isTryShorter ? perTryTimeoutMs : timeoutMs;
  return limitMs > 0 ? new HeaderField(EXPECTED_TIMEOUT, String(limitMs)) : undefined;
}

function compileSplit(action: RouteAction, path: string, errors: FieldError[]): ClusterSplit {
  const specifier = action.clusterSpecifier;
  switch (specifier.case) {
    case "cluster":
      if (specifier.value === "") {
        errors.push({ path: `${path}.cluster`, message: "a cluster name is required" });
      }
      return singleCluster(specifier.value);
    case "weightedClusters":
      return compileWeightedClusters(specifier.value, `${path}.weighted_clusters`, errors);
    default:
      errors.push({ path, message: "one of cluster, weighted_clusters is required" });
      return singleCluster("");
  }
}

function compileRewrite(
  action: RouteAction,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
): PathRewrite | undefined {
  const { prefixRewrite: prefix, regexRewrite: regex } = action;
  if (prefix !== "" && regex !== undefined) {
    errors.push({ path, message: "only one of prefix_rewrite, regex_rewrite can be given" });
  }
  if (regex !== undefined) return regexRewrite(regex, `${path}.regex_rewrite`, errors);
  if (prefix === "") return undefined;
  return prefixRewrite(matchedPart, prefix, `${path}.prefix_rewrite`, errors);
}

function compileMirror(
  policy: RouteAction_RequestMirrorPolicy,
  path: string,
  errors: FieldError[],
): Mirror {
  if (policy.cluster === "") {
    errors.push({ path: `${path}.cluster`, message: "a cluster name is required" });
  }
  const fraction = policy.runtimeFraction;
  if (fraction !== undefined && fraction.defaultValue === undefined) {
    errors.push({ path: `${path}.runtime_fraction.default_value`, message: "is required" });
  }
  return {
    cluster: policy.cluster,
    fraction: fraction?.defaultValue === undefined ? 1 : fractionOf(fraction.defaultValue),
    appendsShadowSuffix: !policy.disableShadowHostSuffixAppend,
  };
}

function fractionOf(percent: FractionalPercent): number {
  switch (percent.denominator) {
    case Denominator.TEN_THOUSAND:
      return percent.numerator / 10_000;
    case Denominator.MILLION:
      return percent.numerator / 1_000_000;
    default:
      return percent.numerator / 100;
  }
}

function notFoundStatus(code: NotFoundCode): number {
  switch (code) {
    case NotFoundCode.NOT_FOUND:
      return 404;
    case NotFoundCode.INTERNAL_SERVER_ERROR:
      return 500;
    default:
      return 503;
  }
}
