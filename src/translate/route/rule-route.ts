/** One match of a rule as xDS routes: what the match is, what is done to the request, where it goes. */
import { create } from "@bufbuild/protobuf";
import {
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type Route,
  type RouteAction,
  RouteActionSchema,
  RouteSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { namedHost } from "../../resource/kinds/external-service.ts";
import { keyOf } from "../../resource/object.ts";
import type { Caller } from "../caller.ts";
import { isMeshed } from "../cluster.ts";
import { PROTOCOL_HEADER } from "../defaults.ts";
import { routeFilterConfigs, routeKey, routeRateLimits } from "../filters/filter-contribution.ts";
import type { Findings } from "../findings.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "../mesh-index.ts";
import { qualifiedName } from "../names.ts";
import { sessionRouteConfig } from "../session-filter.ts";
import { routeTracing } from "../tracing/route-tracing.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import type { RequestRoute } from "./attachment.ts";
import { type Backend, resolveBackends } from "./backend.ts";
import { type FailureStatus, forwardTo } from "./destination.ts";
import { directResponse } from "./direct-response.ts";
import { edgeSettings } from "./edge-settings.ts";
import { isRouteAuth } from "./external-auth.ts";
import { divideByHash, hashPolicies } from "./hash-policy.ts";
import { headerMutations } from "./header-modifier.ts";
import { matchAll, translateMatch } from "./match.ts";
import { fullPathRegex, type PathReplacement } from "./path-modifier.ts";
import type { Candidate, Rule, RuleMatch } from "./precedence.ts";
import { translateRedirect } from "./redirect.ts";
import { retryPlan, type Tries } from "./retry-policy.ts";
import { routeName } from "./route-name.ts";
import { routeTimeouts } from "./route-timeouts.ts";
import { collectFilters, type RuleFilters } from "./rule-filters.ts";

export interface RuleContext {
  readonly index: MeshIndex;
  /** The parent: its policy gives the timeouts. A Gateway has none: that of the rule's backend does. */
  readonly service: IndexedService;
  readonly port: IndexedPort;
  readonly findings: Findings;
  /** Whose configuration it is; undefined when it is for all who have no rules of their own. */
  readonly caller?: Caller;
  /** The request names a host of the parent itself, which lies outside the mesh: its Host is left alone. */
  readonly keepsHost?: boolean;
  /** Clients are strangers, whose version of HTTP says nothing of what the app speaks. */
  readonly isEdge?: boolean;
}

type RouteBase = Pick<Route, "name" | "typedPerFilterConfig"> & Partial<Pick<Route, "tracing">>;

/**
 * The routes of one candidate: one, or two where requests of some methods are tried in another way. What cannot be
 * expressed answers 500 instead of doing something else.
 */
export function ruleRoutes(candidate: Candidate, context: RuleContext): readonly Route[] {
  const { route, rule, ruleIndex, match } = candidate;
  const place = { object: keyOf(route), path: `spec.rules[${ruleIndex}]` };
  const settings = settingsOf(route, rule, context);
  const tracing = routeTracing(
    context.index.telemetry.routes.of({ kind: route.kind, ...route.metadata }, rule.name),
  );
  const named = {
    ...(tracing === undefined ? {} : { tracing }),
    name: routeName(candidate),
    typedPerFilterConfig: filterConfigs(route, rule, settings, context),
  };
  const fail = (reason: string): readonly Route[] => {
    const body = `${reason} (${place.path} of ${route.kind} ${qualifiedName(route.metadata)})`;
    const action = directResponse({ status: failureStatus(route), body: `${body}\n` });
    return [create(RouteSchema, { ...named, match: translateMatch(match), action })];
  };
  const backendContext = { ...context, namespace: route.metadata.namespace, place };
  const filters = collectFilters(candidate, backendContext);
  if ("error" in filters) {
    context.findings.add("field-unsupported", filters.place, filters.error);
    return fail("the rule asks for something that the mesh cannot do");
  }
  const inListener = new Set(context.service.filters.outbound.map(({ name }) => name));
  const isUnasked = (name: string): boolean => isRouteAuth(name) && !inListener.has(name);
  if (Object.keys(filters.configs).some(isUnasked)) {
    context.findings.add("field-unsupported", place, "ExternalAuth cannot be asked for here");
    return fail("the rule's authorization service cannot be asked");
  }
  const typedPerFilterConfig = { ...named.typedPerFilterConfig, ...filters.configs };
  const base: RouteBase = { ...named, typedPerFilterConfig };
  const answer = answerOf(filters, match, context);
  if (answer !== undefined) {
    if ("error" in answer) {
      context.findings.add("field-unsupported", place, answer.error);
      return fail("the rule's redirect cannot be made");
    }
    return [create(RouteSchema, { ...base, match: translateMatch(match), ...answer })];
  }
  const backends = resolveBackends(rule.backendRefs ?? [], filters, backendContext);
  if (backends.length === 0) {
    context.findings.add("no-backend", place, "no backend has a weight above 0");
    return fail("the rule has no backend");
  }
  if (backends.every((backend) => !backend.isValid)) return fail("no backend of the rule exists");
  const isGrpc = route.kind === "GRPCRoute" || context.port.protocol === "grpc";
  const plan = retryPlan(rule, { settings, isGrpc });
  const forwarding = { base, rule, filters, backends, settings, isGrpc, route };
  const isOneMethod = match.method !== undefined && plan.methods !== undefined;
  if (isOneMethod || plan.methods === undefined) {
    const isRepeatable = plan.methods?.includes(match.method ?? "") ?? true;
    const tries = isRepeatable ? plan.repeatable : plan.others;
    return [forwardingRoute(forwarding, { match: translateMatch(match), tries }, context)];
  }
  return [
    { match: translateMatch(match, plan.methods), tries: plan.repeatable },
    { match: translateMatch(match), tries: plan.others },
  ].map((part) => forwardingRoute(forwarding, part, context));
}

interface Forwarding {
  readonly base: RouteBase;
  readonly rule: Rule;
  readonly filters: RuleFilters;
  readonly backends: readonly Backend[];
  readonly settings: TrafficSettings;
  readonly isGrpc: boolean;
  readonly route: RequestRoute;
}

function forwardingRoute(
  { base, rule, filters, backends, settings, isGrpc, route }: Forwarding,
  { match, tries }: { readonly match: Route["match"]; readonly tries: Tries },
  { service, keepsHost = false, isEdge = false }: RuleContext,
): Route {
  const action = create(RouteActionSchema, {
    ...routeTimeouts(rule, settings, isGrpc),
    ...tries,
    requestMirrorPolicies: [...filters.mirrors],
    rateLimits: routeRateLimits(
      service.filters.outbound,
      routeKey(route.kind, qualifiedName(route.metadata)),
    ),
    hashPolicy: hashPolicies(
      backends.flatMap((backend) => backend.settings ?? []),
      rule.userKey,
    ),
  });
  rewritePath(action, filters.path);
  const shown = keepsHost
    ? backends.map((backend) => ({ ...backend, defaultHost: undefined }))
    : backends;
  const headers = forwardTo(action, shown, failureStatus(route));
  if (rule.userKey !== undefined) divideByHash(action);
  const isToldProtocol = !isEdge && backends.some(({ isMeshed: isTold }) => isTold);
  const requestHeadersToAdd = [
    ...(headers.requestHeadersToAdd ?? []),
    ...(isToldProtocol ? [PROTOCOL] : []),
  ];
  return create(RouteSchema, {
    ...base,
    typedPerFilterConfig: { ...base.typedPerFilterConfig, ...filters.configs },
    ...(match === undefined ? {} : { match }),
    ...headers,
    requestHeadersToAdd,
    action: { case: "route", value: action },
  });
}

/** What the parent's settings are for this route: a policy for the route goes before. */
function settingsOf(
  route: RequestRoute,
  rule: Rule,
  { index, service, isEdge = false }: RuleContext,
): TrafficSettings {
  if (isEdge) return edgeSettings(route, rule, { index, fallback: service.settings });
  const target = { kind: route.kind, name: qualifiedName(route.metadata) };
  return index.settingsOf.route(target, service.settings);
}

function filterConfigs(
  route: RequestRoute,
  rule: Rule,
  settings: TrafficSettings,
  { service, caller }: RuleContext,
): RouteBase["typedPerFilterConfig"] {
  const own = rule.sessionPersistence ?? ownSession(settings, service);
  return {
    ...routeFilterConfigs(
      service.filters.outbound,
      routeKey(route.kind, qualifiedName(route.metadata)),
      caller,
    ),
    ...sessionRouteConfig(own),
  };
}

/** The Service's own stands on the virtual host. */
function ownSession(settings: TrafficSettings, service: IndexedService) {
  const { sessionPersistence } = settings;
  return sessionPersistence === service.settings.sessionPersistence
    ? undefined
    : sessionPersistence;
}

type Answer = Pick<Route, "action" | "responseHeadersToAdd" | "responseHeadersToRemove">;

/** What the sidecar answers itself, if the filters say so. */
function answerOf(
  filters: RuleFilters,
  match: RuleMatch,
  { port }: RuleContext,
): Answer | { readonly error: string } | undefined {
  const { toAdd, toRemove } = headerMutations(filters.responseChanges);
  const headers = { responseHeadersToAdd: toAdd, responseHeadersToRemove: toRemove };
  if (filters.redirect !== undefined) {
    const action = translateRedirect(filters.redirect, match, port.port.port);
    if ("error" in action) return action;
    return { ...headers, action: { case: "redirect", value: action } };
  }
  if (filters.response === undefined) return undefined;
  const { statusCode, contentType, body } = filters.response;
  const type = create(HeaderValueOptionSchema, {
    header: { key: "content-type", value: contentType.replaceAll("%", "%%") },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  });
  return {
    ...headers,
    responseHeadersToAdd: [type, ...toAdd],
    action: directResponse({ status: statusCode, body }),
  };
}

/**
 * What a request gets that a route sends nowhere: 500 (HTTPRouteRule.backendRefs), which gRPC calls UNKNOWN, or
 * 503, which it calls UNAVAILABLE (GRPCRouteRule.backendRefs).
 */
function failureStatus(route: RequestRoute): FailureStatus {
  return route.kind === "GRPCRoute" ? 503 : 500;
}

/** Whatever a client sends under the name is overwritten. */
const PROTOCOL = {
  header: { key: PROTOCOL_HEADER, value: "%PROTOCOL%" },
  appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
};

/** The routes of a Service to which nobody attached a route: to its own instances. */
export function defaultRoutes(context: RuleContext): readonly Route[] {
  const { service, port, keepsHost = false } = context;
  const { settings, external } = service;
  const isGrpc = port.protocol === "grpc";
  const plan = retryPlan({}, { settings, isGrpc });
  const host = external === undefined || keepsHost ? undefined : namedHost(external.spec);
  const route = (match: Route["match"], tries: Tries): Route => {
    const action = create(RouteActionSchema, {
      ...routeTimeouts({}, settings, isGrpc),
      ...tries,
      hashPolicy: hashPolicies([settings]),
      clusterSpecifier: { case: "cluster", value: port.requestCluster },
    });
    if (host !== undefined) {
      action.hostRewriteSpecifier = { case: "hostRewriteLiteral", value: host };
    }
    return create(RouteSchema, {
      name: `${service.service.resource.kind}/${service.key}`,
      ...(match === undefined ? {} : { match }),
      requestHeadersToAdd: isMeshed(port) ? [PROTOCOL] : [],
      action: { case: "route", value: action },
    });
  };
  if (plan.methods === undefined) return [route(matchAll(), plan.repeatable)];
  return [route(matchAll(plan.methods), plan.repeatable), route(matchAll(), plan.others)];
}

function rewritePath(action: RouteAction, path: PathReplacement | undefined): void {
  switch (path?.kind) {
    case "full":
      action.regexRewrite = fullPathRegex(path.path);
      break;
    case "prefix":
      action.prefixRewrite = path.prefix;
      break;
    case "regex":
      action.regexRewrite = path.regex;
      break;
    case undefined:
      break;
  }
}
