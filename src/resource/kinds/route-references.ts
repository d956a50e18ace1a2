/** References of Gateway API routes: to the parents that they attach to and the backends that they send to. */
import { z } from "zod";
import { apiGroup, apiKind, dnsLabel, dnsSubdomain, objectName, portNumber } from "../fields.ts";
import { listRule, objectRule, type Report, valueAt } from "../rule.ts";

/** The group of Gateway API kinds, and the default of a parentRef's group. */
export const GATEWAY_API_GROUP = "gateway.networking.k8s.io";

const parentRef = z.strictObject({
  group: apiGroup()
    .default(GATEWAY_API_GROUP)
    .describe('Write "" for a Service, which is in the core group.'),
  kind: apiKind()
    .default("Gateway")
    .describe(
      "Service, or ExternalService of group mesh.tulle.dev: the route is for callers within the mesh (GAMMA). HTTPRoute: the route is for what a rule of that route delegates to it.",
    ),
  namespace: dnsLabel().optional().describe("Default: the route's own."),
  name: objectName().describe("The parent's name."),
  sectionName: dnsSubdomain()
    .optional()
    .describe("A Service's port, or a Gateway's listener, by name."),
  port: portNumber().optional().describe("A port of the parent. Default: all of them."),
});

/** Gateway API v1, CommonRouteSpec: references to one parent must differ in sectionName or port. */
export const parentRefs = listRule(z.array(parentRef).max(32), (items, report) => {
  for (let later = 1; later < items.length; later++) {
    for (let earlier = 0; earlier < later; earlier++) {
      comparePair(items, { earlier, later }, report);
    }
  }
});

export type ParentRef = z.output<typeof parentRef>;

function comparePair(
  items: readonly unknown[],
  pair: { readonly earlier: number; readonly later: number },
  report: Report,
): void {
  const [a, b] = [items[pair.earlier], items[pair.later]];
  const isSame = (key: string): boolean => valueAt(a, key) === valueAt(b, key);
  if (!["group", "kind", "namespace", "name"].every(isSame)) return;
  const lacking = ["sectionName", "port"].filter(
    (key) => (valueAt(a, key) === undefined) !== (valueAt(b, key) === undefined),
  );
  if (lacking.length > 0) {
    report({
      path: [pair.later],
      message: `names the parent of item [${pair.earlier}] too; both must set ${lacking.join(" and ")}, or neither`,
    });
  } else if (isSame("sectionName") && isSame("port")) {
    report({
      path: [pair.later],
      message: `repeats item [${pair.earlier}]; sectionName or port must tell references to one parent apart`,
    });
  }
}

const backendFields = {
  group: apiGroup().default("").describe("Empty: the core group, where Service lives."),
  kind: apiKind()
    .default("Service")
    .describe(
      "Service; ExternalService of group mesh.tulle.dev; for a rule of an HTTPRoute also HTTPRoute of group gateway.networking.k8s.io, which names this route as a parent: its rules take the place of this one.",
    ),
  namespace: dnsLabel().optional().describe("Default: the route's own."),
  name: objectName().describe("The backend's name."),
  port: portNumber().optional().describe("Required for a Service: one of its ports."),
};

function needsServicePort(ref: unknown, report: Report): void {
  // Gateway API v1, BackendObjectReference: "Must have port for Service reference".
  if (valueAt(ref, "group") !== "" || valueAt(ref, "kind") !== "Service") return;
  if (valueAt(ref, "port") !== undefined) return;
  report({
    path: ["port"],
    code: "missing-field",
    message: "is missing; a reference to a Service needs a port",
    allowed: "a port number (1 to 65535)",
  });
}

/** A backend without weight or filters, as a mirror has one. */
export const backendObjectRef = objectRule(z.strictObject(backendFields), needsServicePort);

/** A backend with further fields. */
export function backendRefWith<F extends z.ZodRawShape>(fields: F) {
  return objectRule(z.strictObject({ ...backendFields, ...fields }), needsServicePort);
}
