/** Looks at Rollouts beside the Services and routes that they divide: what is missing, and what passes them by. */
import type { ObjectOf } from "../kind-map.ts";
import type { Rollout } from "../kinds/rollout.ts";
import type { Service } from "../kinds/service.ts";
import { formatKey, keyOf } from "../object.ts";
import type { CheckCode, CheckFinding } from "./check-finding.ts";
import { compareAge } from "./object-age.ts";

type DividedRoute = ObjectOf<"GRPCRoute" | "HTTPRoute" | "TCPRoute">;

export function checkRollouts(
  rollouts: readonly Rollout[],
  services: readonly Service[],
  routes: readonly DividedRoute[],
): readonly CheckFinding[] {
  const serviceByKey = new Map(services.map((service) => [formatKey(keyOf(service)), service]));
  const holders = new Map<string, Rollout>();
  return rollouts.toSorted(compareAge).flatMap((rollout): readonly CheckFinding[] => {
    const { group, kind, name } = rollout.spec.targetRef;
    if (group !== "" || kind !== "Service") {
      const message = `a ${kind} cannot be a target, only a Service of the core group`;
      return [finding(rollout, "rollout-target-unsupported", "spec.targetRef", message)];
    }
    const target = `${rollout.metadata.namespace}/${name}`;
    const holder = holders.get(target);
    if (holder !== undefined) {
      const message = `${formatKey(keyOf(holder))} is for Service ${target} too; it is older and holds: delete one of them`;
      return [finding(rollout, "rollout-conflict", "spec.targetRef", message)];
    }
    holders.set(target, rollout);
    const missing = checkServices(rollout, serviceByKey);
    return missing.length > 0 ? missing : checkRoutes(rollout, routes);
  });
}

function checkServices(
  rollout: Rollout,
  serviceByKey: ReadonlyMap<string, Service>,
): readonly CheckFinding[] {
  const { namespace } = rollout.metadata;
  const { targetRef, stableService, canaryService } = rollout.spec;
  const find = (name: string) => serviceByKey.get(formatKey({ kind: "Service", namespace, name }));
  const target = find(targetRef.name);
  const named = [
    ["spec.targetRef.name", targetRef.name],
    ["spec.stableService", stableService],
    ["spec.canaryService", canaryService],
  ] as const;
  return named.flatMap(([path, name]): readonly CheckFinding[] => {
    const service = find(name);
    if (service === undefined) {
      const message = `there is no Service ${namespace}/${name}: apply one, or correct the name`;
      return [finding(rollout, "rollout-service-not-found", path, message)];
    }
    return (target?.spec.ports ?? [])
      .filter((port) => !hasPort(service, port))
      .map((port) => {
        const message = `Service ${namespace}/${name} has no port ${port.port}, which ${targetRef.name} has: give it one of that number or name`;
        return finding(rollout, "rollout-port-not-found", path, message);
      });
  });
}

/** The same number, the same name, or the only one. */
function hasPort({ spec: { ports } }: Service, wanted: Service["spec"]["ports"][number]): boolean {
  return (
    ports.length === 1 ||
    ports.some(
      ({ port, name }) => port === wanted.port || (name !== undefined && name === wanted.name),
    )
  );
}

/** Rules of the target's routes that the Rollout leaves alone, and that are not for the canary's testers. */
function checkRoutes(rollout: Rollout, routes: readonly DividedRoute[]): readonly CheckFinding[] {
  const { namespace } = rollout.metadata;
  const { targetRef, canaryService } = rollout.spec;
  const stable = rollout.status?.rollout?.stableService ?? rollout.spec.stableService;
  const canary = rollout.status?.rollout?.canaryService ?? canaryService;
  const isNamed = (name: string): boolean => [targetRef.name, stable, canary].includes(name);
  return routes
    .filter((route) => isParent(route, namespace, targetRef.name))
    .flatMap((route) =>
      (route.spec.rules as readonly DividedRoute["spec"]["rules"][number][]).flatMap(
        ({ backendRefs = [] }, index): readonly CheckFinding[] => {
          const isTouched = backendRefs.some(
            (ref) => (ref.namespace ?? route.metadata.namespace) === namespace && isNamed(ref.name),
          );
          if (backendRefs.length === 0 || isTouched) return [];
          const names = backendRefs.map(({ name }) => name).join(", ");
          const message = `spec.rules[${index}] of ${formatKey(keyOf(route))} sends to ${names} whatever the rollout does: write ${targetRef.name} there to have it divided`;
          return [
            {
              ...finding(rollout, "rollout-bypassed", "spec.targetRef", message),
              severity: "warning",
            },
          ];
        },
      ),
    );
}

function isParent(route: DividedRoute, namespace: string, name: string): boolean {
  return (route.spec.parentRefs ?? []).some(
    (ref) =>
      ref.group === "" &&
      ref.kind === "Service" &&
      ref.name === name &&
      (ref.namespace ?? route.metadata.namespace) === namespace,
  );
}

function finding(rollout: Rollout, code: CheckCode, path: string, message: string): CheckFinding {
  return { code, severity: "error", object: keyOf(rollout), path, message };
}
