/** Gateway API `TCPRoute`, the whole v1alpha2 schema (apis/v1alpha2/tcproute_types.go). */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { GATEWAY_API_GROUP, parentRefs } from "./route-references.ts";
import { ROUTE_STATUS_FIELDS, type RouteStatus } from "./route-status.ts";
import { streamRouteRules } from "./stream-route-rule.ts";

const specSchema = z.strictObject({
  parentRefs: parentRefs
    .optional()
    .describe("What the route attaches to: Services, whose callers it is for, and Gateways."),
  useDefaultGateways: z.enum(["All", "None"]).optional().describe("Has no effect yet."),
  rules: streamRouteRules(16).describe(
    "The first one counts: a rule of a TCPRoute has nothing to tell connections apart by.",
  ),
});

export type TcpRouteSpec = DeepReadonly<z.output<typeof specSchema>>;
export type TcpRoute = MeshObject<"TCPRoute", TcpRouteSpec, RouteStatus>;

export const tcpRouteKind = defineKind<TcpRoute>({
  apiVersion: `${GATEWAY_API_GROUP}/v1alpha2`,
  kind: "TCPRoute",
  plural: "tcproutes",
  shortNames: ["tcpr"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Where connections to a Service go, split by weight. It is for ports that speak TCP, or whose protocol is detected as such; without a route a Service's own instances take the connections. At a Gateway it is for listeners of protocol TCP, each of which follows the oldest.",
  status: ROUTE_STATUS_FIELDS,
  example: `apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata:
  name: orders-db
spec:
  parentRefs:
    - {group: "", kind: Service, name: orders-db, port: 5432}
  rules:
    - backendRefs:
        - {name: orders-db-old, port: 5432, weight: 95}
        - {name: orders-db-new, port: 5432, weight: 5}
`,
});
