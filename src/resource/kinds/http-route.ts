/**
 * Gateway API `HTTPRoute`, the whole v1 schema with its limits and cross-field rules
 * (gateway-api v1.6, apis/v1/httproute_types.go, experimental fields included).
 */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { Condition, DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listAt, listRule, reportRepeated, valueAt } from "../rule.ts";
import { httpRouteRule } from "./http-route-rule.ts";
import { GATEWAY_API_GROUP, type ParentRef, parentRefs } from "./route-references.ts";

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Of all rules together; Gateway API v1, HTTPRouteSpec. */
const MATCHES_MAX = 128;

const hostname = z.string().min(1).max(253).regex(HOSTNAME, {
  error: "a DNS name in lower case, whose first label may be *",
});

const rules = listRule(z.array(httpRouteRule).min(1).max(16), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const name = valueAt(item, "name");
      return typeof name === "string" ? name : undefined;
    },
    path: ["name"],
    what: "rule names",
  });
  const count = items.reduce<number>((sum, item) => sum + listAt(item, "matches").length, 0);
  if (count <= MATCHES_MAX) return;
  report({
    path: [],
    message: `hold ${count} matches together; at most ${MATCHES_MAX} are allowed`,
    allowed: `at most ${MATCHES_MAX} matches`,
  });
});

const specSchema = z.strictObject({
  parentRefs: parentRefs
    .optional()
    .describe("What the route attaches to: the Services whose callers it is for."),
  hostnames: z
    .array(hostname)
    .max(16)
    .optional()
    .describe("Hosts that requests must name. Ignored when the parent is a Service."),
  useDefaultGateways: z.enum(["All", "None"]).optional().describe("Has no effect yet."),
  rules: rules.prefault([{}]).describe("Default: one rule that matches every request."),
});

export type HttpRouteSpec = DeepReadonly<z.output<typeof specSchema>>;

/** What one parent makes of the route. */
export interface RouteParentStatus {
  readonly parentRef: DeepReadonly<ParentRef>;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/** Written by the control plane. */
export interface HttpRouteStatus extends ObjectStatus {
  readonly parents?: readonly RouteParentStatus[];
}

export type HttpRoute = MeshObject<"HTTPRoute", HttpRouteSpec, HttpRouteStatus>;

export const httpRouteKind = defineKind<HttpRoute>({
  apiVersion: `${GATEWAY_API_GROUP}/v1`,
  kind: "HTTPRoute",
  plural: "httproutes",
  shortNames: ["hr"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Where HTTP requests to a Service go: by path, header, query and method; split by weight, changed, redirected or mirrored on the way. It holds for callers of the Services in parentRefs; without a route a Service's own instances answer.",
  status: [
    { path: "parents[].parentRef", description: "The reference that the entry is about." },
    { path: "parents[].controllerName", description: "mesh.tulle.dev/control-plane." },
    {
      path: "parents[].conditions",
      description:
        "Accepted (NoMatchingParent, UnsupportedValue, …) and ResolvedRefs (BackendNotFound, InvalidKind, …).",
    },
  ],
  example: `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: catalog
spec:
  parentRefs:
    - {group: "", kind: Service, name: catalog, port: 80}
  rules:
    - matches:
        - headers: [{name: x-tester, value: "yes"}]
      backendRefs:
        - {name: catalog-v2, port: 80}
    - backendRefs:
        - {name: catalog-v1, port: 80, weight: 90}
        - {name: catalog-v2, port: 80, weight: 10}
      timeouts: {request: 10s}
`,
});
