/** The routes attached to a Service, in words. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { AttachedRouteView } from "../api-types.ts";
import type { MeshFinding } from "../mesh-finding.ts";
import type { ObjectCache } from "../object-cache.ts";
import { effectiveRoutes } from "../rollout/route-overlay.ts";

type AnyRoute = ObjectOf<"GRPCRoute" | "HTTPRoute" | "TCPRoute" | "TLSRoute">;
type Rule = AnyRoute["spec"]["rules"][number];
type HttpMatch = ObjectOf<"HTTPRoute">["spec"]["rules"][number]["matches"][number];
type GrpcMatch = ObjectOf<"GRPCRoute">["spec"]["rules"][number]["matches"][number];
type RuleView = AttachedRouteView["rules"][number];

/** Oldest first, which is the order in which they count. */
export function attachedRoutes(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
  findingsOf: ReadonlyMap<string, readonly MeshFinding[]>,
): readonly AttachedRouteView[] {
  const { namespace, name } = service.metadata;
  const { grpcRoutes, httpRoutes, tcpRoutes } = effectiveRoutes(objects);
  const routes: readonly AnyRoute[] = [
    ...grpcRoutes,
    ...httpRoutes,
    ...tcpRoutes,
    ...objects.list("TLSRoute"),
  ];
  return routes
    .filter(({ metadata, spec }) =>
      (spec.parentRefs ?? []).some(
        (ref) =>
          ref.group === (service.kind === "Service" ? "" : "mesh.tulle.dev") &&
          ref.kind === service.kind &&
          ref.name === name &&
          (ref.namespace ?? metadata.namespace) === namespace,
      ),
    )
    .toSorted(compareAge)
    .map((route) => {
      const findings = findingsOf.get(formatKey(keyOf(route))) ?? [];
      return {
        kind: route.kind,
        namespace: route.metadata.namespace,
        name: route.metadata.name,
        accepted: !findings.some(({ severity }) => severity === "error"),
        rules: route.spec.rules.map((rule, index) => ({
          matches: matchTexts(route, index),
          ...ruleView(rule, route.metadata.namespace),
        })),
      };
    });
}

function ruleView(rule: Rule, namespace: string): Omit<RuleView, "matches"> {
  const backends = rule.backendRefs ?? [];
  const sum = backends.reduce((total, { weight }) => total + weight, 0);
  const filters = "filters" in rule ? (rule.filters ?? []) : [];
  return {
    filters: filters.map(({ type }) => type),
    backends: backends.map((backend) => ({
      name: backend.name,
      namespace: backend.namespace ?? namespace,
      port: backend.port ?? null,
      weight: backend.weight,
      share: sum === 0 ? 0 : backend.weight / sum,
    })),
  };
}

function matchTexts(route: AnyRoute, ruleIndex: number): readonly string[] {
  switch (route.kind) {
    case "HTTPRoute":
      return route.spec.rules[ruleIndex]?.matches.map(httpMatchText) ?? [];
    case "GRPCRoute":
      return route.spec.rules[ruleIndex]?.matches.map(grpcMatchText) ?? [];
    case "TCPRoute":
      return [ruleIndex === 0 ? "every connection" : "no connection: the first rule takes all"];
    case "TLSRoute":
      return route.spec.hostnames.map((name) => `server name ${name}`);
  }
}

/** `GET path prefix /api, header x-user = alice`. */
function httpMatchText(match: HttpMatch): string {
  const method = match.method === undefined ? "" : `${match.method} `;
  const parts = [
    `${method}${pathText(match.path)}`,
    ...headerTexts(match.headers),
    ...(match.queryParams ?? []).map(
      (one) => `query ${one.name} ${operator(one.type)} ${one.value}`,
    ),
  ];
  return parts.join(", ");
}

/** `service = shop.v1.Catalog, method = Search`. */
function grpcMatchText({ method, headers }: GrpcMatch): string {
  const parts = [
    ...(["service", "method"] as const).flatMap((field) => {
      const value = method?.[field];
      return value === undefined ? [] : [`${field} ${operator(method?.type ?? "Exact")} ${value}`];
    }),
    ...headerTexts(headers),
  ];
  return parts.length === 0 ? "every call" : parts.join(", ");
}

function headerTexts(headers: HttpMatch["headers"]): readonly string[] {
  return (headers ?? []).map((one) => `header ${one.name} ${operator(one.type)} ${one.value}`);
}

function operator(type: string): string {
  return type === "Exact" ? "=" : "~";
}

function pathText(path: HttpMatch["path"]): string {
  switch (path.type) {
    case "Exact":
      return `path ${path.value}`;
    case "PathPrefix":
      return `path prefix ${path.value}`;
    default:
      return `path ~ ${path.value}`;
  }
}
