/** Looks at routes side by side: which attach to nothing, and which want the same traffic. */
import type { ObjectOf } from "../kind-map.ts";
import type { ExternalService } from "../kinds/external-service.ts";
import type { Service } from "../kinds/service.ts";
import { formatKey, keyOf } from "../object.ts";
import type { CheckFinding } from "./check-finding.ts";
import { matchPlaces } from "./match-places.ts";
import { compareAge } from "./object-age.ts";

export type AnyRoute = ObjectOf<"GRPCRoute" | "HTTPRoute" | "TCPRoute" | "TLSRoute">;
type Routable = Service | ExternalService;
type ParentRef = NonNullable<AnyRoute["spec"]["parentRefs"]>[number];

/** The kinds that a route attaches to, for now. */
const PARENT_KIND = "Service";

/** Routes whose parents are not served. */
export function checkParents(routes: readonly AnyRoute[]): readonly CheckFinding[] {
  return routes.flatMap((route): CheckFinding[] => {
    const object = keyOf(route);
    const parentRefs = route.spec.parentRefs ?? [];
    if (parentRefs.length === 0) {
      const message = "is missing; a route takes effect on the Services that it names";
      return [
        { code: "parent-unset", severity: "error", object, path: "spec.parentRefs", message },
      ];
    }
    return parentRefs.flatMap((ref, index): CheckFinding[] => {
      if (isRoutable(ref)) return [];
      const kind = `${ref.kind} of ${ref.group === "" ? "the core group" : ref.group}`;
      const hint =
        ref.kind === PARENT_KIND ? `; a Service is in the core group: write group: ""` : "";
      const message = `a ${kind} cannot be a parent, only a Gateway, a Service, an ExternalService or an HTTPRoute that delegates${hint}`;
      const path = `spec.parentRefs[${index}]`;
      return [{ code: "parent-kind-unsupported", severity: "error", object, path, message }];
    });
  });
}

/** Where a match stands. */
interface MatchPlace {
  readonly route: AnyRoute;
  readonly path: string;
}

/** Matches that never get a request, because an older route or an earlier rule has the same. */
export function checkConflicts(
  routes: readonly AnyRoute[],
  services: readonly Routable[],
): readonly CheckFinding[] {
  const routableOf = new Map(services.map((service) => [formatKey(keyOf(service)), service]));
  const firstPlace = new Map<string, MatchPlace>();
  const findings = new Map<string, CheckFinding>();
  const add = (finding: CheckFinding): void => {
    findings.set(JSON.stringify(finding), finding);
  };
  for (const route of routes.toSorted(compareAge)) {
    const ports = attachedPorts(route, routableOf);
    for (const { path, identity: match } of matchPlaces(route)) {
      const place = { route, path };
      for (const port of ports) {
        // Routes of different kinds never share a match: translation tells which kind holds.
        const identity = `${route.kind}\n${port}\n${match}`;
        const first = firstPlace.get(identity);
        if (first === undefined) firstPlace.set(identity, place);
        else for (const finding of conflictOf(first, place)) add(finding);
      }
    }
  }
  return [...findings.values()];
}

/** Their ports, by number and name. */
function portsOf(
  object: Routable | undefined,
): readonly { readonly port: number; readonly name?: string | undefined }[] {
  return object?.spec.ports ?? [];
}

function conflictOf(first: MatchPlace, later: MatchPlace): readonly CheckFinding[] {
  const object = keyOf(later.route);
  if (first.route === later.route) {
    const message = `repeats ${first.path}, which counts`;
    const path = later.path;
    return [{ code: "match-unreachable", severity: "warning", object, path, message }];
  }
  const shared = { code: "route-conflict", severity: "warning" } as const;
  const [older, younger] = [formatKey(keyOf(first.route)), formatKey(object)];
  return [
    {
      ...shared,
      object,
      path: later.path,
      message: `is also ${first.path} of ${older}, which is older and counts`,
    },
    {
      ...shared,
      object: keyOf(first.route),
      path: first.path,
      message: `is also ${later.path} of ${younger}, which is younger and gets nothing`,
    },
  ];
}

/**
 * Every port that the route is for, with the callers it is for: those of all namespaces, or of its own
 * when it is a consumer's route (GEP-1426). Routes of different scopes don't compete.
 */
function attachedPorts(
  route: AnyRoute,
  services: ReadonlyMap<string, Routable>,
): readonly string[] {
  const ports = (route.spec.parentRefs ?? []).filter(isRoutable).flatMap((ref) => {
    const namespace = ref.namespace ?? route.metadata.namespace;
    const key = formatKey({ kind: ref.kind, namespace, name: ref.name });
    return portsOf(services.get(key))
      .filter(({ port }) => ref.port === undefined || ref.port === port)
      .filter(({ name }) => ref.sectionName === undefined || ref.sectionName === name)
      .map(({ port }) => `${key} ${port} ${route.metadata.namespace}`);
  });
  return [...new Set(ports)];
}

/** What a route can be for. */
function isRoutable(ref: ParentRef): boolean {
  return (
    isService(ref) ||
    (ref.group === "mesh.tulle.dev" && ref.kind === "ExternalService") ||
    (ref.group === "gateway.networking.k8s.io" &&
      (ref.kind === "HTTPRoute" || ref.kind === "Gateway"))
  );
}

function isService(ref: ParentRef): boolean {
  return ref.group === "" && ref.kind === PARENT_KIND;
}
