/**
 * Every check of valid objects against each other that needs no translation. What a single object
 * means to traffic (a backend that doesn't exist, weights that sum to zero, a policy without a target)
 * is told by translation, which meets it anyway; the two lists together are what `apply` and an
 * object's status report.
 */
import type { AnyObject, KindName, ObjectOf } from "../kind-map.ts";
import { formatKey } from "../object.ts";
import type { CheckFinding } from "./check-finding.ts";
import { checkPolicies } from "./policy-checks.ts";
import { checkRollouts } from "./rollout-checks.ts";
import { checkConflicts, checkParents } from "./route-checks.ts";
import { checkAppProtocols, checkTargetPorts } from "./service-checks.ts";

/** Findings by object, then path. Pure; takes time linear in the objects' sizes, but for selectors. */
export function checkObjects(objects: readonly AnyObject[]): readonly CheckFinding[] {
  const routes = [
    ...ofKind(objects, "GRPCRoute"),
    ...ofKind(objects, "HTTPRoute"),
    ...ofKind(objects, "TCPRoute"),
    ...ofKind(objects, "TLSRoute"),
  ];
  const services = ofKind(objects, "Service");
  return [
    ...checkParents(routes),
    ...checkConflicts(routes, [...services, ...ofKind(objects, "ExternalService")]),
    ...checkPolicies(ofKind(objects, "TrafficPolicy")),
    ...checkRollouts(
      ofKind(objects, "Rollout"),
      services,
      routes.filter((route) => route.kind !== "TLSRoute"),
    ),
    ...checkAppProtocols(services),
    ...checkTargetPorts(services, ofKind(objects, "Workload")),
  ].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function ofKind<K extends KindName>(objects: readonly AnyObject[], kind: K): ObjectOf<K>[] {
  return objects.filter((object): object is ObjectOf<K> => object.kind === kind);
}

function orderOf(finding: CheckFinding): string {
  return [formatKey(finding.object), finding.path, finding.code, finding.message].join("\n");
}
