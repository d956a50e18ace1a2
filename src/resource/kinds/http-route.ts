/**
 * Gateway API `HTTPRoute`, the whole v1 schema with its limits and cross-field rules
 * (gateway-api v1.6, apis/v1/httproute_types.go, experimental fields included).
 */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { listRule } from "../rule.ts";
import { httpRouteRule } from "./http-route-rule.ts";
import { hostname } from "./route-hostname.ts";
import { GATEWAY_API_GROUP, parentRefs } from "./route-references.ts";
import { checkRules } from "./route-rules.ts";
import { ROUTE_STATUS_FIELDS, type RouteStatus } from "./route-status.ts";

const rules = listRule(z.array(httpRouteRule).min(1).max(16), checkRules);

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

export type HttpRoute = MeshObject<"HTTPRoute", HttpRouteSpec, RouteStatus>;

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
  status: ROUTE_STATUS_FIELDS,
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
