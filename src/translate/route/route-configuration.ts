/** The route configuration of one Service port, as one group of callers sees it. */
import { create } from "@bufbuild/protobuf";
import { compileRegex } from "../../decision/linear-regex.ts";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.js";
import { UNDELIVERED_HEADER } from "../../http/known-headers.ts";
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { keyOf } from "../../resource/object.ts";
import { hostFilterConfigs, hostRateLimits } from "../filters/filter-contribution.ts";
import { resourceOf } from "../message.ts";
import type { XdsResource } from "../translation.ts";
import type { RequestRoute } from "./attachment.ts";
import { delegated } from "./delegation.ts";
import { grpcCandidates } from "./grpc-candidates.ts";
import { type Candidate, orderedCandidates } from "./precedence.ts";
import { defaultRoutes, type RuleContext, ruleRoutes } from "./rule-route.ts";
import { hasSources, isForCaller } from "./rule-source.ts";
import { reportShadowedMatches } from "./shadowed-matches.ts";

/**
 * Routes of one group merged in order of precedence. A listener exists for each Service port, so requests
 * are told apart by where they were sent, not by their Host: one virtual host takes them all. Once a
 * route is attached, a request that none matches gets 404 (GEP-1426, "Route presence").
 */
export function routeConfiguration(
  routes: readonly RequestRoute[],
  context: RuleContext,
): XdsResource {
  const { service, port } = context;
  const usable = expressibleCandidates(routes, context);
  const candidates = usable.filter((candidate) => isMeant(candidate, context));
  // What is wrong with rules that are for some callers only is said once, whoever calls.
  if (context.caller === undefined) {
    for (const other of usable) if (!candidates.includes(other)) ruleRoutes(other, context);
  }
  const virtualHost = (name: string, domains: readonly string[], keepsHost: boolean) => {
    const hostContext = { ...context, keepsHost };
    const ofRules = candidates.flatMap((candidate) => ruleRoutes(candidate, hostContext));
    return {
      name,
      domains: [...domains],
      typedPerFilterConfig: hostFilterConfigs(service.filters.outbound, context.caller),
      rateLimits: hostRateLimits(service.filters.outbound),
      routes: [...(routes.length === 0 ? defaultRoutes(hostContext) : ofRules)],
    };
  };
  const name = `${service.host}:${port.port.port}`;
  const ownHosts = service.external?.spec.hosts ?? [];
  const message = create(RouteConfigurationSchema, {
    name: port.name,
    responseHeadersToRemove: [UNDELIVERED_HEADER],
    ...(ownHosts.length === 0 ? {} : { ignorePortInHostMatching: true }),
    virtualHosts: [
      // Requests that name a host of an ExternalService keep its name; others get its first one.
      ...(ownHosts.length === 0 ? [] : [virtualHost(`${name}/own`, ownHosts, true)]),
      virtualHost(name, ["*"], false),
    ],
  });
  reportShadowedMatches(message.virtualHosts.at(-1)?.routes ?? [], candidates, context.findings);
  return resourceOf(RouteConfigurationSchema, port.name, message);
}

/** What becomes of these routes, in order of precedence: without rules for others, and without what RE2 does not take. */
export function usableCandidates(
  routes: readonly RequestRoute[],
  context: RuleContext,
): readonly Candidate[] {
  return expressibleCandidates(routes, context).filter((candidate) => isMeant(candidate, context));
}

function expressibleCandidates(
  routes: readonly RequestRoute[],
  context: RuleContext,
): readonly Candidate[] {
  return candidatesOf(routes, context).filter((candidate) =>
    hasUsableExpressions(candidate, context),
  );
}

/** Rules for some callers only are in no configuration but theirs. */
function isMeant(candidate: Candidate, { index, caller }: RuleContext): boolean {
  if (index.routeFilters.size === 0) return true;
  return caller === undefined
    ? !hasSources(candidate, index)
    : isForCaller(candidate, caller, index);
}

/** All routes of a port are of one kind (see `attachment.ts`). */
function candidatesOf(
  routes: readonly RequestRoute[],
  { index: { routeByKey }, findings }: RuleContext,
): readonly Candidate[] {
  const grpc = routes.filter((route): route is GrpcRoute => route.kind === "GRPCRoute");
  if (grpc.length > 0) return grpcCandidates(grpc);
  return orderedCandidates(
    routes.filter((route): route is HttpRoute => route.kind === "HTTPRoute"),
    (candidate) => delegated(candidate, { routeByKey, findings }),
  );
}

/**
 * One expression that RE2 does not take would make proxies refuse the whole configuration, so its match is
 * left out: the routes of others stay in force.
 */
function hasUsableExpressions(candidate: Candidate, context: RuleContext): boolean {
  const { route, ruleIndex, match, matchIndex } = candidate;
  const expressions = [match.path, ...(match.headers ?? []), ...(match.queryParams ?? [])].filter(
    ({ type }) => type === "RegularExpression",
  );
  for (const { value } of expressions) {
    const regex = compileRegex(value);
    if (!("error" in regex)) continue;
    const path = `spec.rules[${ruleIndex}].matches[${matchIndex}]`;
    const message = `${JSON.stringify(value)} is not an RE2 expression: ${regex.error}`;
    context.findings.add("field-unsupported", { object: keyOf(route), path }, message);
    return false;
  }
  return true;
}
