/** The HTTPRoutes attached to a Service, in words. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { AttachedRouteView } from "../api-types.ts";
import type { MeshFinding } from "../mesh-finding.ts";
import type { ObjectCache } from "../object-cache.ts";

type Rule = ObjectOf<"HTTPRoute">["spec"]["rules"][number];
type Match = Rule["matches"][number];
type RuleView = AttachedRouteView["rules"][number];

/** Oldest first, which is the order in which they count. */
export function attachedRoutes(
  service: ObjectOf<"Service">,
  objects: ObjectCache,
  findingsOf: ReadonlyMap<string, readonly MeshFinding[]>,
): readonly AttachedRouteView[] {
  const { namespace, name } = service.metadata;
  return objects
    .list("HTTPRoute")
    .filter(({ metadata, spec }) =>
      (spec.parentRefs ?? []).some(
        (ref) =>
          ref.group === "" &&
          ref.kind === "Service" &&
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
        rules: route.spec.rules.map((rule) => ruleView(rule, route.metadata.namespace)),
      };
    });
}

function ruleView(rule: Rule, namespace: string): RuleView {
  const backends = rule.backendRefs ?? [];
  const sum = backends.reduce((total, { weight }) => total + weight, 0);
  return {
    matches: rule.matches.map(matchText),
    filters: (rule.filters ?? []).map(({ type }) => type),
    backends: backends.map((backend) => ({
      name: backend.name,
      namespace: backend.namespace ?? namespace,
      port: backend.port ?? null,
      weight: backend.weight,
      share: sum === 0 ? 0 : backend.weight / sum,
    })),
  };
}

/** `GET path prefix /api, header x-user = alice`. */
function matchText(match: Match): string {
  const operator = (type: string): string => (type === "Exact" ? "=" : "~");
  const method = match.method === undefined ? "" : `${match.method} `;
  const parts = [
    `${method}${pathText(match.path)}`,
    ...(match.headers ?? []).map((one) => `header ${one.name} ${operator(one.type)} ${one.value}`),
    ...(match.queryParams ?? []).map(
      (one) => `query ${one.name} ${operator(one.type)} ${one.value}`,
    ),
  ];
  return parts.join(", ");
}

function pathText(path: Match["path"]): string {
  switch (path.type) {
    case "Exact":
      return `path ${path.value}`;
    case "PathPrefix":
      return `path prefix ${path.value}`;
    default:
      return `path ~ ${path.value}`;
  }
}
