/** The routes that `tulle split` reads and writes: which kind divides what, and the rule of each that takes the rest. */
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import type { TcpRoute } from "../../resource/kinds/tcp-route.ts";
import { failedError } from "../errors.ts";

export type SplitRoute = GrpcRoute | HttpRoute | TcpRoute;
export type SplitKind = SplitRoute["kind"];
export const SPLIT_KINDS: readonly SplitKind[] = ["GRPCRoute", "HTTPRoute", "TCPRoute"];

export type SplitBackendRef = NonNullable<
  HttpRoute["spec"]["rules"][number]["backendRefs"]
>[number];

/** Gateway API: HTTPRouteSpec.rules, GRPCRouteSpec.rules and TCPRouteSpec.rules alike. */
const RULES_MAX = 16;

/** The kinds that divide the traffic of a port, the one that a new route has first. `protocol` is the API's word. */
export function kindsFor(protocol: string): readonly SplitKind[] {
  switch (protocol) {
    case "tcp":
    case "tls":
      return ["TCPRoute"];
    case "grpc":
      return ["GRPCRoute", "HTTPRoute"];
    default:
      return ["HTTPRoute", "GRPCRoute"];
  }
}

/** A route without rules. */
export function emptyRoute(
  kind: SplitKind,
  metadata: { readonly name: string; readonly namespace: string },
  parentRef: NonNullable<HttpRoute["spec"]["parentRefs"]>[number],
): SplitRoute {
  const group = "gateway.networking.k8s.io";
  const shared = {
    metadata: { ...metadata, labels: {}, annotations: {} },
    spec: { parentRefs: [parentRef], rules: [] },
  };
  switch (kind) {
    case "GRPCRoute":
      return { apiVersion: `${group}/v1`, kind, ...shared };
    case "HTTPRoute":
      return { apiVersion: `${group}/v1`, kind, ...shared };
    case "TCPRoute":
      return { apiVersion: `${group}/v1alpha2`, kind, ...shared };
  }
}

/** The rule that takes everything which no other takes, or -1. */
export function catchAllIndex(route: SplitRoute): number {
  switch (route.kind) {
    case "GRPCRoute":
      return route.spec.rules.findIndex(({ matches }) => isAny(matches, isAnyCall));
    case "HTTPRoute":
      return route.spec.rules.findIndex(({ matches }) => isAny(matches, isAnyRequest));
    case "TCPRoute":
      return route.spec.rules.length - 1 < 0 ? -1 : 0;
  }
}

export function backendsAt(route: SplitRoute, ruleIndex: number): readonly SplitBackendRef[] {
  return route.spec.rules[ruleIndex]?.backendRefs ?? [];
}

/** The route with the rule's backends replaced; without a rule for everything (-1) it gets one, at its end. */
export function withBackends(
  route: SplitRoute,
  ruleIndex: number,
  backendRefs: readonly SplitBackendRef[],
): SplitRoute {
  if (ruleIndex < 0 && route.spec.rules.length >= RULES_MAX) {
    throw failedError(
      `${route.kind} ${route.metadata.name} has ${RULES_MAX} rules already and none for every request`,
      "add the split to one of them by hand, or name another route with --route",
    );
  }
  // The control plane writes the status anew.
  const { status: _, ...rest } = route;
  switch (rest.kind) {
    case "GRPCRoute": {
      const rules = replaced(rest.spec.rules, ruleIndex, { backendRefs }, { matches: [{}] });
      return { ...rest, spec: { ...rest.spec, rules } } as GrpcRoute;
    }
    case "HTTPRoute": {
      const any = { matches: [{ path: { type: "PathPrefix", value: "/" } as const }] };
      const rules = replaced(rest.spec.rules, ruleIndex, { backendRefs }, any);
      return { ...rest, spec: { ...rest.spec, rules } } as HttpRoute;
    }
    case "TCPRoute": {
      const rules = replaced(rest.spec.rules, ruleIndex, { backendRefs }, {});
      return { ...rest, spec: { ...rest.spec, rules } } as TcpRoute;
    }
  }
}

function replaced<R extends object>(
  rules: readonly R[],
  ruleIndex: number,
  change: object,
  any: object,
): readonly object[] {
  if (ruleIndex < 0) return [...rules, { ...any, ...change }];
  return rules.map((rule, index) => (index === ruleIndex ? { ...rule, ...change } : rule));
}

function isAny<M>(matches: readonly M[], test: (match: M) => boolean): boolean {
  return matches.length === 0 || matches.some(test);
}

/** No match at all, or one that asks only for the prefix `/`. */
function isAnyRequest(match: HttpRoute["spec"]["rules"][number]["matches"][number]): boolean {
  const { path, headers, queryParams, method } = match;
  const isAnyPath = path === undefined || (path.type === "PathPrefix" && path.value === "/");
  const isPlain = (headers ?? []).length === 0 && (queryParams ?? []).length === 0;
  return isAnyPath && isPlain && method === undefined;
}

function isAnyCall({
  method,
  headers,
}: GrpcRoute["spec"]["rules"][number]["matches"][number]): boolean {
  return method === undefined && (headers ?? []).length === 0;
}
