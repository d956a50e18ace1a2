/** One match of a rule as an xDS route: what the match is, what is done to the request, where it goes. */
import { create } from "@bufbuild/protobuf";
import { HeaderValueOption_HeaderAppendAction } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  DirectResponseActionSchema,
  type Route,
  type RouteAction,
  RouteActionSchema,
  RouteSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { durationMs } from "../../resource/duration.ts";
import { keyOf } from "../../resource/object.ts";
import { isMeshed } from "../cluster.ts";
import { PROTOCOL_HEADER } from "../defaults.ts";
import { routeFilterConfigs, routeKey } from "../filters/filter-contribution.ts";
import { type Findings, within } from "../findings.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "../mesh-index.ts";
import { duration } from "../message.ts";
import { qualifiedName } from "../names.ts";
import type { RequestRoute } from "./attachment.ts";
import { resolveBackends } from "./backend.ts";
import { type FailureStatus, forwardTo } from "./destination.ts";
import { headerMutations } from "./header-modifier.ts";
import { matchAll, translateMatch } from "./match.ts";
import { fullPathRegex, type PathReplacement } from "./path-modifier.ts";
import type { Candidate } from "./precedence.ts";
import { translateRedirect } from "./redirect.ts";
import { retryPolicy } from "./retry-policy.ts";
import { collectFilters } from "./rule-filters.ts";

export interface RuleContext {
  readonly index: MeshIndex;
  /** The parent: its policy gives the timeouts. */
  readonly service: IndexedService;
  readonly port: IndexedPort;
  readonly findings: Findings;
}

/** The route of one candidate. What cannot be expressed answers 500 instead of doing something else. */
export function ruleRoute(candidate: Candidate, context: RuleContext): Route {
  const { route, rule, ruleIndex, match, matchIndex } = candidate;
  const place = { object: keyOf(route), path: `spec.rules[${ruleIndex}]` };
  const base = {
    name: `${route.kind}/${qualifiedName(route.metadata)}/rule/${rule.name ?? ruleIndex}/match/${matchIndex}`,
    match: translateMatch(match),
    typedPerFilterConfig: routeFilterConfigs(
      context.service.filters.outbound,
      routeKey(route.kind, qualifiedName(route.metadata)),
    ),
  };
  const fail = (reason: string): Route => {
    const body = `${reason} (${place.path} of ${route.kind} ${qualifiedName(route.metadata)})`;
    return create(RouteSchema, { ...base, action: directResponse(failureStatus(route), body) });
  };
  if (rule.sessionPersistence !== undefined) {
    const message = "session persistence has no effect yet";
    context.findings.add("field-ignored", within(place, ".sessionPersistence"), message);
  }
  const backendContext = { ...context, namespace: route.metadata.namespace, place };
  const filters = collectFilters(candidate, backendContext);
  if ("error" in filters) {
    context.findings.add("field-unsupported", filters.place, filters.error);
    return fail("the rule asks for something that the mesh cannot do");
  }
  const responseMutations = headerMutations(filters.responseChanges);
  if (filters.redirect !== undefined) {
    const action = translateRedirect(filters.redirect, match, context.port.port.port);
    if ("error" in action) {
      context.findings.add("field-unsupported", place, action.error);
      return fail("the rule's redirect cannot be made");
    }
    return create(RouteSchema, {
      ...base,
      action: { case: "redirect", value: action },
      responseHeadersToAdd: responseMutations.toAdd,
      responseHeadersToRemove: responseMutations.toRemove,
    });
  }
  const backends = resolveBackends(rule.backendRefs ?? [], filters, backendContext);
  if (backends.length === 0) {
    context.findings.add("no-backend", place, "no backend has a weight above 0");
    return fail("the rule has no backend");
  }
  if (backends.every((backend) => !backend.isValid)) return fail("no backend of the rule exists");
  const requestTimeoutMs =
    rule.timeouts?.request === undefined
      ? context.service.settings.requestTimeoutMs
      : durationMs(rule.timeouts.request);
  const action = create(RouteActionSchema, {
    ...timeouts(requestTimeoutMs, context, route.kind),
    retryPolicy: retryPolicy(rule),
    requestMirrorPolicies: [...filters.mirrors],
  });
  rewritePath(action, filters.path);
  const headers = forwardTo(action, backends, failureStatus(route));
  const isToldProtocol = backends.some(({ isMeshed }) => isMeshed);
  const requestHeadersToAdd = [
    ...(headers.requestHeadersToAdd ?? []),
    ...(isToldProtocol ? protocolHeader(context.index) : []),
  ];
  return create(RouteSchema, {
    ...base,
    ...headers,
    requestHeadersToAdd,
    action: { case: "route", value: action },
  });
}

/**
 * What a request gets that a route sends nowhere: 500 (HTTPRouteRule.backendRefs), which gRPC calls UNKNOWN, or
 * 503, which it calls UNAVAILABLE (GRPCRouteRule.backendRefs).
 */
function failureStatus(route: RequestRoute): FailureStatus {
  return route.kind === "GRPCRoute" ? 503 : 500;
}

/** Whatever a client sends under the name is overwritten. */
function protocolHeader({ features }: MeshIndex) {
  if (features.meshHop !== "http2") return [];
  return [
    {
      header: { key: PROTOCOL_HEADER, value: "%PROTOCOL%" },
      appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    },
  ];
}

/** The route of a Service to which nobody attached a route: to its own instances. */
export function defaultRoute(context: Pick<RuleContext, "index" | "service" | "port">): Route {
  const { index, service, port } = context;
  const action = create(RouteActionSchema, {
    ...timeouts(service.settings.requestTimeoutMs, context),
    retryPolicy: retryPolicy({}),
    clusterSpecifier: { case: "cluster", value: port.name },
  });
  return create(RouteSchema, {
    name: `Service/${service.key}`,
    match: matchAll(),
    requestHeadersToAdd: isMeshed(port) ? protocolHeader(index) : [],
    action: { case: "route", value: action },
  });
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

/**
 * A timeout of 0 is given too: Envoy's default of 15 s would hold otherwise. Without an idle timeout the listener's
 * holds, but a gRPC stream may be quiet for as long as it likes: that is how watches and subscriptions are written.
 */
function timeouts(
  requestTimeoutMs: number,
  { service, port }: Pick<RuleContext, "service" | "port">,
  kind?: RequestRoute["kind"],
) {
  const isGrpc = kind === "GRPCRoute" || port.protocol === "grpc";
  const idleTimeoutMs = service.settings.idleTimeoutMs ?? (isGrpc ? 0 : undefined);
  return {
    timeout: duration(requestTimeoutMs),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeout: duration(idleTimeoutMs) }),
  };
}

function directResponse(status: number, reason: string): Route["action"] {
  const value = create(DirectResponseActionSchema, {
    status,
    body: { specifier: { case: "inlineString", value: `${reason}\n` } },
  });
  return { case: "directResponse", value };
}
