/** One route: when it matches and what it does, compiled from Envoy's Route message. */

import { Buffer } from "node:buffer";
import { toBinary } from "@bufbuild/protobuf";
import { ROUTE_TIMEOUT_MS } from "../core/limits.ts";
import { type DataSource, RoutingPriority } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type DirectResponseAction,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RouteAction,
  RouteActionSchema,
  type Route as RouteMessage,
  type VirtualHost,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { compileDeadline, type DeadlineRule } from "./deadline-rule.ts";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";
import { compileRouteFilterRules, type RouteFilterRules } from "./filters/filter-rule.ts";
import { compileRouteLimits, type RouteLimits } from "./filters/rate-limit-service-rule.ts";
import { compileHashPolicy, type HashPolicy } from "./hash-policy.ts";
import { compileMutations, type MessageMutations } from "./header-mutation.ts";
import { compileHostRewrite } from "./host-rewrite.ts";
import { compileMirror, type Mirror } from "./mirror-rule.ts";
import { type PathRewrite, prefixRewrite, regexRewrite } from "./path-rewrite.ts";
import { compileRedirect, type RedirectRule } from "./redirect-rule.ts";
import {
  compileHedging,
  compileRetryPolicy,
  NO_RETRY,
  type RetryRule,
  withoutRetries,
} from "./retry-rule.ts";
import { type CompiledMatch, compileRouteMatch } from "./route-match.ts";
import { compileRouteTracing, pathTemplate, type RouteTracing } from "./route-tracing.ts";
import { compileSubsetCriteria } from "./subset-criteria.ts";
import { compileUpgrades, type UpgradeRules } from "./upgrade-rule.ts";
import { type ClusterSplit, compileWeightedClusters, singleCluster } from "./weighted-clusters.ts";

/** Tells the next hop how long this one waits for it. */
export const EXPECTED_TIMEOUT = new HeaderName("x-envoy-expected-rq-timeout-ms");

export interface ForwardAction {
  readonly kind: "forward";
  readonly split: ClusterSplit;
  /** What requests are hashed by. */
  readonly hashPolicy: HashPolicy | undefined;
  readonly rewritePath: PathRewrite | undefined;
  readonly hostRewrite: string | undefined;
  /** From the end of the request to the end of its answer. 0 means no limit. */
  readonly timeoutMs: number;
  /** 0 means no limit, undefined the listener's. */
  readonly idleTimeoutMs: number | undefined;
  readonly deadline: DeadlineRule;
  readonly retry: RetryRule;
  /** The same for requests that the rule's `requestTests` leave out. */
  readonly unretried: RetryRule;
  /** Envoy's priority HIGH: limits of its own in its cluster. */
  readonly isUrgent: boolean;
  /** Whom the number of tries is told: `include_request_attempt_count`, `include_attempt_count_in_response`. */
  readonly tellsUpstreamAttempts: boolean;
  readonly tellsClientAttempts: boolean;
  /** Tells the upstream how long a try's answer will be waited for. Undefined where there is no limit. */
  readonly expectedTimeout: HeaderField | undefined;
  readonly mirrors: readonly Mirror[];
  readonly upgrades: UpgradeRules;
  readonly clusterNotFoundStatus: number;
}

export interface DirectResponse {
  readonly kind: "direct";
  readonly status: number;
  readonly body: string;
}

export interface Route extends MessageMutations, CompiledMatch {
  readonly name: string;
  /** Those of the virtual host and the table included. */
  readonly filterRules: RouteFilterRules;
  /** What a rate limit service is asked about; undefined where nothing is. */
  readonly rateLimits: RouteLimits | undefined;
  /** What all paths of its requests have in common, for names of spans. */
  readonly pathTemplate: string;
  /** Undefined where traces are the listener's business alone. */
  readonly tracing: RouteTracing | undefined;
  readonly action: ForwardAction | RedirectRule | DirectResponse;
}

/** What the virtual host of a route says for those of its routes that say nothing. */
export interface RouteDefaults
  extends Pick<
    VirtualHost,
    | "retryPolicy"
    | "hedgePolicy"
    | "requestMirrorPolicies"
    | "includeRequestAttemptCount"
    | "includeAttemptCountInResponse"
    | "rateLimits"
  > {
  /** Where it stands. */
  readonly path: string;
}

/**
 * `outer`: what the virtual host says to filters. `actions`: what has been compiled for the virtual host, by
 * `actionKey`. Most routes of a host do the same, and what a thousand of them share stays in the processor's cache.
 */
export function compileRoute(
  route: RouteMessage,
  outer: RouteFilterRules,
  path: string,
  errors: FieldError[],
  defaults: RouteDefaults,
  actions: Map<string, ForwardAction>,
): Route {
  const match = compileRouteMatch(route.match, `${path}.match`, errors);
  return {
    name: route.name,
    filterRules: compileRouteFilterRules(route.typedPerFilterConfig, outer, path, errors),
    rateLimits: compileRouteLimits(
      route.action.case === "route" ? route.action.value.rateLimits : [],
      defaults.rateLimits,
      { route: path, host: defaults.path },
      errors,
    ),
    pathTemplate: pathTemplate(route.match),
    tracing: compileRouteTracing(route.tracing, `${path}.tracing`, errors),
    path: match.path,
    isForConnect: match.isForConnect,
    tests: match.tests,
    action: compileAction(route, match.path.matchedPart, path, errors, defaults, actions),
    ...compileMutations(route, path, errors),
  };
}

function compileAction(
  route: RouteMessage,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
  defaults: RouteDefaults,
  actions: Map<string, ForwardAction>,
): Route["action"] {
  const action = route.action;
  switch (action.case) {
    case "route": {
      const key = actionKey(action.value, matchedPart);
      const known = actions.get(key);
      if (known !== undefined) return known;
      const errorsBefore = errors.length;
      const compiled = compileForward(action.value, matchedPart, `${path}.route`, errors, defaults);
      // What is wrong is told of each route.
      if (errors.length === errorsBefore) actions.set(key, compiled);
      return compiled;
    }
    case "redirect":
      return compileRedirect(action.value, matchedPart, `${path}.redirect`, errors);
    case "directResponse":
      return compileDirect(action.value, `${path}.direct_response`, errors);
    default:
      errors.push({ path, message: "one of route, redirect, direct_response is required" });
      return { kind: "direct", status: 500, body: "" };
  }
}

/** The same for actions that compile to the same within one virtual host. */
function actionKey(action: RouteAction, matchedPart: string | undefined): string {
  const bytes = Buffer.from(toBinary(RouteActionSchema, action)).toString("latin1");
  return action.prefixRewrite === "" ? bytes : `${matchedPart}\n${bytes}`;
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
  defaults: RouteDefaults,
): ForwardAction {
  const host = action.hostRewriteSpecifier;
  const literal = host.case === "hostRewriteLiteral" ? host.value : "";
  const deadline = compileDeadline(action, path, errors);
  const plainMs = compileDuration(action.timeout, `${path}.timeout`, errors) ?? ROUTE_TIMEOUT_MS;
  const timeoutMs = deadline.isOfStream ? 0 : plainMs;
  const retry = compileRetries(action, timeoutMs, path, errors, defaults);
  return {
    kind: "forward",
    split: compileSplit(action, path, errors),
    hashPolicy: compileHashPolicy(action.hashPolicy, `${path}.hash_policy`, errors),
    rewritePath: compileRewrite(action, matchedPart, path, errors),
    hostRewrite: compileHostRewrite(literal, `${path}.host_rewrite_literal`, errors),
    timeoutMs,
    idleTimeoutMs: compileDuration(action.idleTimeout, `${path}.idle_timeout`, errors),
    deadline,
    retry,
    unretried: withoutRetries(retry),
    isUrgent: action.priority === RoutingPriority.HIGH,
    tellsUpstreamAttempts: defaults.includeRequestAttemptCount,
    tellsClientAttempts: defaults.includeAttemptCountInResponse,
    expectedTimeout: expectedTimeout(timeoutMs, retry),
    mirrors: compileMirrors(action, path, errors, defaults),
    upgrades: compileUpgrades(action.upgradeConfigs, `${path}.upgrade_configs`, errors),
    clusterNotFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode),
  };
}

/** A route's own policies replace those of its virtual host whole. */
function compileRetries(
  action: RouteAction,
  timeoutMs: number,
  path: string,
  errors: FieldError[],
  { retryPolicy: outerPolicy, hedgePolicy: outerHedging, path: outerPath }: RouteDefaults,
): RetryRule {
  const policy = action.retryPolicy ?? outerPolicy;
  const policyPath = `${action.retryPolicy === undefined ? outerPath : path}.retry_policy`;
  const hedging = action.hedgePolicy ?? outerHedging;
  const hedgingPath = `${action.hedgePolicy === undefined ? outerPath : path}.hedge_policy`;
  const rule = policy === undefined ? NO_RETRY : compileRetryPolicy(policy, policyPath, errors);
  const isHedged = compileHedging(hedging, hedgingPath, errors);
  // As in Envoy: a try that may take as long as all of them together has no limit of its own.
  const isBounded = timeoutMs === 0 || rule.perTryTimeoutMs < timeoutMs;
  if (isBounded && !isHedged) return rule;
  return { ...rule, isHedged, perTryTimeoutMs: isBounded ? rule.perTryTimeoutMs : 0 };
}

function compileMirrors(
  action: RouteAction,
  path: string,
  errors: FieldError[],
  { requestMirrorPolicies: outer, path: outerPath }: RouteDefaults,
): readonly Mirror[] {
  const isOwn = action.requestMirrorPolicies.length > 0;
  const at = isOwn ? path : outerPath;
  return (isOwn ? action.requestMirrorPolicies : outer).map((policy, index) =>
    compileMirror(policy, `${at}.request_mirror_policies[${index}]`, errors),
  );
}

/** With hedging a try may take as long as the request: others run beside it. */
function expectedTimeout(
  timeoutMs: number,
  { perTryTimeoutMs, isHedged }: RetryRule,
): HeaderField | undefined {
  const limitMs = perTryTimeoutMs > 0 && !isHedged ? perTryTimeoutMs : timeoutMs;
  return limitMs > 0 ? new HeaderField(EXPECTED_TIMEOUT, String(Math.trunc(limitMs))) : undefined;
}

function compileSplit(action: RouteAction, path: string, errors: FieldError[]): ClusterSplit {
  const specifier = action.clusterSpecifier;
  const subset = compileSubsetCriteria(action.metadataMatch);
  switch (specifier.case) {
    case "cluster":
      if (specifier.value === "") {
        errors.push({ path: `${path}.cluster`, message: "a cluster name is required" });
      }
      return singleCluster(specifier.value, subset);
    case "weightedClusters":
      return compileWeightedClusters(specifier.value, `${path}.weighted_clusters`, errors, subset);
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
