/** One route: when it matches and what it does, compiled from Envoy's Route message. */

import { ROUTE_TIMEOUT_MS } from "../core/limits.ts";
import type { DataSource } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  type Route as RouteMessage,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FractionalPercent } from "../gen/envoy/type/v3/percent_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../gen/envoy/type/v3/percent_pb.js";
import { durationMs } from "./duration.ts";
import type { FieldError } from "./field-error.ts";
import { compileHeaderMatcher, compileQueryMatcher, type RequestTest } from "./header-matcher.ts";
import { compileMutations, type HeaderMutations } from "./header-mutation.ts";
import { compilePathMatcher, type PathMatcher } from "./path-matcher.ts";
import { type PathRewrite, prefixRewrite, regexRewrite } from "./path-rewrite.ts";
import { compileRetryPolicy, NO_RETRY, type RetryRule } from "./retry-rule.ts";
import { type ClusterSplit, compileWeightedClusters, singleCluster } from "./weighted-clusters.ts";

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
  readonly mirrors: readonly Mirror[];
  readonly clusterNotFoundStatus: number;
}

export interface Mirror {
  readonly cluster: string;
  /** Share of requests that are copied, 0 to 1. */
  readonly fraction: number;
  readonly appendsShadowSuffix: boolean;
}

export interface RedirectRule {
  readonly kind: "redirect";
  readonly status: number;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly rewritePath: PathRewrite | undefined;
  readonly stripsQuery: boolean;
}

export interface DirectResponse {
  readonly kind: "direct";
  readonly status: number;
  readonly body: string;
}

export interface Route {
  readonly name: string;
  readonly path: PathMatcher;
  readonly tests: readonly RequestTest[];
  readonly action: ForwardAction | RedirectRule | DirectResponse;
  readonly requestMutations: HeaderMutations;
  readonly responseMutations: HeaderMutations;
}

export function compileRoute(route: RouteMessage, path: string, errors: FieldError[]): Route {
  const match = route.match;
  if (match === undefined) errors.push({ path: `${path}.match`, message: "a match is required" });
  const pathMatcher: PathMatcher =
    match === undefined
      ? { matches: () => false, matchedPart: undefined, isAny: false }
      : compilePathMatcher(match, `${path}.match`, errors);
  const headers = (match?.headers ?? []).map((matcher, index) =>
    compileHeaderMatcher(matcher, `${path}.match.headers[${index}]`, errors),
  );
  const query = (match?.queryParameters ?? []).map((matcher, index) =>
    compileQueryMatcher(matcher, `${path}.match.query_parameters[${index}]`, errors),
  );
  return {
    name: route.name,
    path: pathMatcher,
    tests: [...headers, ...query],
    action: compileAction(route, pathMatcher, path, errors),
    requestMutations: compileMutations(
      route.requestHeadersToAdd,
      route.requestHeadersToRemove,
      path,
      "request",
      errors,
    ),
    responseMutations: compileMutations(
      route.responseHeadersToAdd,
      route.responseHeadersToRemove,
      path,
      "response",
      errors,
    ),
  };
}

function compileAction(
  route: RouteMessage,
  matcher: PathMatcher,
  path: string,
  errors: FieldError[],
): Route["action"] {
  const action = route.action;
  switch (action.case) {
    case "route":
      return compileForward(action.value, matcher, `${path}.route`, errors);
    case "redirect":
      return compileRedirect(action.value, matcher, `${path}.redirect`, errors);
    case "directResponse":
      return {
        kind: "direct",
        status: action.value.status,
        body: directBody(action.value.body, `${path}.direct_response.body`, errors),
      };
    default:
      errors.push({ path, message: "one of route, redirect, direct_response is required" });
      return { kind: "direct", status: 500, body: "" };
  }
}

function directBody(source: DataSource | undefined, path: string, errors: FieldError[]): string {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case undefined:
      return "";
    case "inlineString":
      return specifier.value;
    case "inlineBytes":
      return Buffer.from(specifier.value).toString("utf8");
    default:
      errors.push({ path, message: "only inline_string and inline_bytes are implemented" });
      return "";
  }
}

function compileForward(
  action: RouteAction,
  matcher: PathMatcher,
  path: string,
  errors: FieldError[],
): ForwardAction {
  const host = action.hostRewriteSpecifier;
  if (host.case !== undefined && host.case !== "hostRewriteLiteral") {
    errors.push({ path, message: "only host_rewrite_literal is implemented" });
  }
  return {
    kind: "forward",
    split: compileSplit(action, path, errors),
    rewritePath: compileRewrite(action, matcher, path, errors),
    hostRewrite: host.case === "hostRewriteLiteral" ? host.value : undefined,
    timeoutMs: action.timeout === undefined ? ROUTE_TIMEOUT_MS : durationMs(action.timeout),
    idleTimeoutMs: action.idleTimeout === undefined ? undefined : durationMs(action.idleTimeout),
    retry:
      action.retryPolicy === undefined
        ? NO_RETRY
        : compileRetryPolicy(action.retryPolicy, `${path}.retry_policy`, errors),
    mirrors: action.requestMirrorPolicies.map(compileMirror),
    clusterNotFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode),
  };
}

function compileSplit(action: RouteAction, path: string, errors: FieldError[]): ClusterSplit {
  const specifier = action.clusterSpecifier;
  switch (specifier.case) {
    case "cluster":
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
  matcher: PathMatcher,
  path: string,
  errors: FieldError[],
): PathRewrite | undefined {
  if (action.regexRewrite !== undefined) {
    return regexRewrite(action.regexRewrite, `${path}.regex_rewrite`, errors);
  }
  if (action.prefixRewrite === "") return undefined;
  return prefixRewrite(matcher.matchedPart, action.prefixRewrite, `${path}.prefix_rewrite`, errors);
}

function compileMirror(policy: RouteAction_RequestMirrorPolicy): Mirror {
  const fraction = policy.runtimeFraction?.defaultValue;
  return {
    cluster: policy.cluster,
    fraction: fraction === undefined ? 1 : fractionOf(fraction),
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

function compileRedirect(
  action: RedirectAction,
  matcher: PathMatcher,
  path: string,
  errors: FieldError[],
): RedirectRule {
  const scheme = action.schemeRewriteSpecifier;
  return {
    kind: "redirect",
    status: redirectStatus(action.responseCode),
    scheme:
      scheme.case === "httpsRedirect"
        ? scheme.value
          ? "https"
          : undefined
        : scheme.value || undefined,
    host: action.hostRedirect || undefined,
    port: action.portRedirect || undefined,
    rewritePath: redirectRewrite(action, matcher, path, errors),
    stripsQuery: action.stripQuery,
  };
}

function redirectRewrite(
  action: RedirectAction,
  matcher: PathMatcher,
  path: string,
  errors: FieldError[],
): PathRewrite | undefined {
  const rewrite = action.pathRewriteSpecifier;
  switch (rewrite.case) {
    case "pathRedirect": {
      const target = rewrite.value;
      return () => target;
    }
    case "prefixRewrite":
      return prefixRewrite(matcher.matchedPart, rewrite.value, `${path}.prefix_rewrite`, errors);
    case "regexRewrite":
      return regexRewrite(rewrite.value, `${path}.regex_rewrite`, errors);
    default:
      return undefined;
  }
}

function redirectStatus(code: RedirectCode): number {
  switch (code) {
    case RedirectCode.FOUND:
      return 302;
    case RedirectCode.SEE_OTHER:
      return 303;
    case RedirectCode.TEMPORARY_REDIRECT:
      return 307;
    case RedirectCode.PERMANENT_REDIRECT:
      return 308;
    default:
      return 301;
  }
}
