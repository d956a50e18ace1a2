/** Gateway API `GRPCRoute`, the whole v1 schema with its limits and cross-field rules (apis/v1/grpcroute_types.go). */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { listRule } from "../rule.ts";
import { grpcRouteFilters } from "./grpc-route-filter.ts";
import { grpcRouteMatch } from "./grpc-route-match.ts";
import { hostname } from "./route-hostname.ts";
import { backendRefWith, GATEWAY_API_GROUP, parentRefs } from "./route-references.ts";
import { checkRules } from "./route-rules.ts";
import { ROUTE_STATUS_FIELDS, type RouteStatus } from "./route-status.ts";
import { sessionPersistence } from "./session-persistence.ts";

const backendRef = backendRefWith({
  weight: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1)
    .describe("Its share of the rule's requests: this over the sum of all weights. 0: none."),
  filters: grpcRouteFilters.optional().describe("For calls to this backend only."),
});

const rule = z.strictObject({
  name: dnsSubdomain().optional().describe("Unique in the route. Shown where the rule is meant."),
  matches: z
    .array(grpcRouteMatch)
    .max(8)
    .prefault([{}])
    .describe("Any one of them must match. Default: every call."),
  filters: grpcRouteFilters.optional().describe("In order, for every backend."),
  backendRefs: z
    .array(backendRef)
    .max(16)
    .optional()
    .describe("Where calls go, by weight. None: every call gets UNAVAILABLE."),
  sessionPersistence: sessionPersistence
    .optional()
    .describe("Calls of one session go to one instance. Goes before a TrafficPolicy's."),
});

const specSchema = z.strictObject({
  parentRefs: parentRefs
    .optional()
    .describe("What the route attaches to: the Services whose callers it is for."),
  hostnames: z
    .array(hostname)
    .max(16)
    .optional()
    .describe("Hosts that calls must name. Ignored when the parent is a Service."),
  useDefaultGateways: z.enum(["All", "None"]).optional().describe("Has no effect yet."),
  rules: listRule(z.array(rule).max(16), checkRules)
    .prefault([{}])
    .describe("Default: one rule that matches every call."),
});

export type GrpcRouteSpec = DeepReadonly<z.output<typeof specSchema>>;
export type GrpcRoute = MeshObject<"GRPCRoute", GrpcRouteSpec, RouteStatus>;

export const grpcRouteKind = defineKind<GrpcRoute>({
  apiVersion: `${GATEWAY_API_GROUP}/v1`,
  kind: "GRPCRoute",
  plural: "grpcroutes",
  shortNames: ["gr"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Where gRPC calls to a Service go: by service, method and metadata; split by weight, changed or mirrored on the way. It has no timeouts: streams may be open for as long as they like. A Service port follows HTTPRoutes or GRPCRoutes: of two of different kinds the older holds, then the first by name, and the other is not accepted.",
  status: ROUTE_STATUS_FIELDS,
  example: `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata:
  name: catalog
spec:
  parentRefs:
    - {group: "", kind: Service, name: catalog, port: 9090}
  rules:
    - matches:
        - method: {service: shop.v1.Catalog, method: Search}
      backendRefs:
        - {name: catalog-search, port: 9090}
    - backendRefs:
        - {name: catalog-v1, port: 9090, weight: 90}
        - {name: catalog-v2, port: 9090, weight: 10}
`,
});
