/** Gateway API `TLSRoute`, the whole v1 schema (gateway-api v1.6, apis/v1/tlsroute_types.go). */
import { isIP } from "node:net";
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { stringRule } from "../rule.ts";
import { hostname } from "./route-hostname.ts";
import { GATEWAY_API_GROUP, parentRefs } from "./route-references.ts";
import { ROUTE_STATUS_FIELDS, type RouteStatus } from "./route-status.ts";
import { streamRouteRules } from "./stream-route-rule.ts";

/** RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not permitted" as server names. */
const serverName = stringRule(hostname, (text, report) => {
  if (isIP(text) === 0) return;
  report({
    path: [],
    code: "invalid-value",
    message: "is an IP address, which no ClientHello names",
    allowed: "a DNS name",
  });
});

const specSchema = z.strictObject({
  parentRefs: parentRefs
    .optional()
    .describe("What the route attaches to: Services, whose callers it is for, and Gateways."),
  hostnames: z
    .array(serverName)
    .min(1)
    .max(1024)
    .describe(
      "Server names (SNI) of the ClientHello. *.a.example matches b.a.example, not a.example.",
    ),
  useDefaultGateways: z.enum(["All", "None"]).optional().describe("Has no effect yet."),
  rules: streamRouteRules(1).describe("Exactly one."),
});

export type TlsRouteSpec = DeepReadonly<z.output<typeof specSchema>>;
export type TlsRoute = MeshObject<"TLSRoute", TlsRouteSpec, RouteStatus>;

export const tlsRouteKind = defineKind<TlsRoute>({
  apiVersion: `${GATEWAY_API_GROUP}/v1`,
  kind: "TLSRoute",
  plural: "tlsroutes",
  shortNames: ["tlsr"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Where TLS connections that callers make themselves go, by the server name that they ask for. The TLS is passed through, never ended. It is for ports that speak TLS, or whose protocol is detected as such. Once a route is attached to a port, TLS with a server name that no route has is closed there. At a Gateway it is for listeners of protocol TLS.",
  status: ROUTE_STATUS_FIELDS,
  example: `apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata:
  name: vault
spec:
  parentRefs:
    - {group: "", kind: Service, name: vault, port: 8443}
  hostnames: [vault.example, "*.vault.example"]
  rules:
    - backendRefs:
        - {name: vault-v2, port: 8443}
`,
});
