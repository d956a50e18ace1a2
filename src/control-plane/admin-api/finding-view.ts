/** Findings as the API tells them, with what to do about each. */
import type { Finding } from "../api-types.ts";
import type { MeshFinding } from "../mesh-finding.ts";

const HINTS: Partial<Record<MeshFinding["code"], string>> = {
  "backend-not-found": "apply the Service, or correct the reference's name, namespace or port",
  "no-backend": "give the rule a backendRef with a weight above 0, or a redirect",
  "parent-not-found": "apply the Service, or correct the parentRef's name, namespace or port",
  "parent-unset": 'add parentRefs: [{group: "", kind: Service, name: ...}]',
  "policy-conflict": "name the target in one TrafficPolicy only",
  "policy-contested": "name the target in one TrafficPolicy only",
  "target-not-found": "apply the Service, or correct the targetRef's name",
  "target-port-not-found": "make targetPort the port that the instances listen on",
  "endpoint-conflict": "give each instance an address or port of its own",
  "listener-conflict": "give one of the ports another number",
  "route-conflict": "make the matches differ, or merge the routes",
};

export function findingView(finding: MeshFinding): Finding {
  const { code, severity, object, path, message } = finding;
  const hint = HINTS[code];
  return {
    severity,
    code,
    message,
    object,
    ...(path === "" ? {} : { path }),
    ...(hint === undefined ? {} : { hint }),
  };
}
