/**
 * The routes of the mesh with every Rollout's division in them. Nobody's object is written: where a route of the
 * target sends to the target or to the stable version, what translation reads has both versions with the shares of
 * the Rollout's status; a target without a route gets one. Pure.
 */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import { effectiveProtocol, mayBeHttp, mayBeOpaque } from "../../resource/port-protocol.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { ObjectCache } from "../object-cache.ts";
import { type DividedRule, type Division, divideRule } from "./divide-rule.ts";

type Service = ObjectOf<"Service">;
type Port = Service["spec"]["ports"][number];
type DividedKind = "GRPCRoute" | "HTTPRoute" | "TCPRoute";

export interface EffectiveRoutes {
  readonly grpcRoutes: readonly ObjectOf<"GRPCRoute">[];
  readonly httpRoutes: readonly ObjectOf<"HTTPRoute">[];
  readonly tcpRoutes: readonly ObjectOf<"TCPRoute">[];
}

type Objects = Pick<ObjectCache, "get" | "list">;

/** The routes as they were when there is no Rollout. */
export function effectiveRoutes(objects: Objects): EffectiveRoutes {
  let routes: EffectiveRoutes = {
    grpcRoutes: objects.list("GRPCRoute"),
    httpRoutes: objects.list("HTTPRoute"),
    tcpRoutes: objects.list("TCPRoute"),
  };
  for (const division of divisions(objects)) routes = divided(routes, division, objects);
  return routes;
}

/** The Rollouts that hold: of each target the oldest. One whose Services are missing divides nothing. */
export function divisions(objects: Objects): readonly Division[] {
  const targets = new Set<string>();
  return objects
    .list("Rollout")
    .toSorted(compareAge)
    .flatMap((rollout): readonly Division[] => {
      const { namespace } = rollout.metadata;
      const { targetRef } = rollout.spec;
      if (targetRef.group !== "" || targetRef.kind !== "Service") return [];
      const key = `${namespace}/${targetRef.name}`;
      if (targets.has(key)) return [];
      targets.add(key);
      const state = rollout.status?.rollout;
      const service = (name: string) => objects.get("Service", namespace, name);
      const target = service(targetRef.name);
      const stable = service(state?.stableService ?? rollout.spec.stableService);
      const canary = service(state?.canaryService ?? rollout.spec.canaryService);
      if (target === undefined || stable === undefined) return [];
      const weights = state?.weights ?? { stable: 100, canary: 0 };
      const isPreviewed = state?.isPreviewed ?? false;
      return [{ rollout, target, stable, canary, weights, isPreviewed }];
    });
}

function divided(routes: EffectiveRoutes, division: Division, objects: Objects): EffectiveRoutes {
  const config = objects.list("MeshConfig")[0]?.spec ?? defaultMeshConfigSpec();
  const { opaquePorts } = config.protocolDetection;
  const all = [...routes.grpcRoutes, ...routes.httpRoutes, ...routes.tcpRoutes];
  const producers = all.filter((route) => route.metadata.namespace === namespaceOf(division));
  const made: (ObjectOf<"HTTPRoute"> | ObjectOf<"TCPRoute">)[] = [];
  for (const port of division.target.spec.ports) {
    const { protocol } = effectiveProtocol(port, opaquePorts);
    const isFree = (kinds: readonly DividedKind[]): boolean =>
      !producers.some((route) => kinds.includes(route.kind) && isAttached(route, division, port));
    const hasHttp = mayBeHttp(protocol) && isFree(["GRPCRoute", "HTTPRoute"]);
    const hasTcp = mayBeOpaque(protocol) && isFree(["TCPRoute"]);
    if (hasHttp) made.push(madeHttpRoute(division, port));
    if (hasTcp) made.push(madeTcpRoute(division, port));
  }
  const divide = <R extends ObjectOf<DividedKind>>(list: readonly R[]): readonly R[] =>
    list.map((route) => dividedRoute(route, division));
  return {
    grpcRoutes: divide(routes.grpcRoutes),
    httpRoutes: [
      ...divide(routes.httpRoutes),
      ...divide(made.filter((route) => route.kind === "HTTPRoute")),
    ],
    tcpRoutes: [
      ...divide(routes.tcpRoutes),
      ...divide(made.filter((route) => route.kind === "TCPRoute")),
    ],
  };
}

function namespaceOf({ rollout }: Division): string {
  return rollout.metadata.namespace;
}

/** Gateway API (GAMMA): a parentRef to a Service; without port or sectionName it means every port. */
export function isAttached(
  route: ObjectOf<DividedKind>,
  { target }: Pick<Division, "target">,
  port?: Port,
): boolean {
  const { namespace, name } = target.metadata;
  return (route.spec.parentRefs ?? []).some(
    (ref) =>
      ref.group === "" &&
      ref.kind === "Service" &&
      ref.name === name &&
      (ref.namespace ?? route.metadata.namespace) === namespace &&
      (port === undefined ||
        ((ref.port ?? port.port) === port.port && (ref.sectionName ?? port.name) === port.name)),
  );
}

/** Rules are added at the end alone, so that findings name the places of the author's. */
function dividedRoute<R extends ObjectOf<DividedKind>>(route: R, division: Division): R {
  if (!isAttached(route, division)) return route;
  const matches = division.isPreviewed ? userMatches(division.rollout) : [];
  const added: object[] = [];
  const rules = (route.spec.rules as readonly DividedRule[]).map((rule) => {
    const result = divideRule(rule, division, {
      namespace: route.metadata.namespace,
      matches: route.kind === "TCPRoute" ? [] : matches,
    });
    if (result === undefined) return rule;
    if (result.forChosenUsers !== undefined) added.push(result.forChosenUsers);
    return result.rule;
  });
  return { ...route, spec: { ...route.spec, rules: [...rules, ...added] } } as R;
}

function userMatches({ spec: { strategy } }: Rollout) {
  return strategy.blueGreen?.preview?.matches ?? strategy.abTest?.matches ?? [];
}

function madeHttpRoute(division: Division, port: Port): ObjectOf<"HTTPRoute"> {
  const { metadata, parentRefs, backendRefs } = madeParts(division, port);
  const matches = [{ path: { type: "PathPrefix", value: "/" } }] as const;
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata,
    spec: { parentRefs, rules: [{ matches, backendRefs }] },
  };
}

function madeTcpRoute(division: Division, port: Port): ObjectOf<"TCPRoute"> {
  const { metadata, parentRefs, backendRefs } = madeParts(division, port);
  return {
    apiVersion: "gateway.networking.k8s.io/v1alpha2",
    kind: "TCPRoute",
    metadata,
    spec: { parentRefs, rules: [{ backendRefs }] },
  };
}

/** What a target without a route has: everything to the target, to be divided as any other route. */
function madeParts({ rollout, target }: Division, port: Port) {
  const { name, namespace, creationTimestamp } = rollout.metadata;
  const isOnlyPort = target.spec.ports.length === 1;
  const service = { group: "", kind: "Service", name: target.metadata.name, port: port.port };
  return {
    metadata: {
      name: isOnlyPort ? `rollout-${name}` : `rollout-${name}-${port.port}`,
      namespace,
      labels: {},
      annotations: { "mesh.tulle.dev/rollout": name },
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    parentRefs: [service],
    backendRefs: [{ ...service, weight: 1 }],
  };
}
