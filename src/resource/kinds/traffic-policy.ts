/** `mesh.tulle.dev/v1 TrafficPolicy`: how callers' sidecars treat the traffic to a Service. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule } from "../rule.ts";
import { policyTargetRefs } from "./policy-target-refs.ts";
import { checkHedging, trafficSettingsPart } from "./traffic-settings.ts";

const specSchema = objectRule(
  z.strictObject({
    targetRefs: policyTargetRefs({
      group:
        "Empty: the core group, where Service lives. gateway.networking.k8s.io for routes, mesh.tulle.dev for ExternalService.",
      kind: "Service or ExternalService; HTTPRoute or GRPCRoute for timeouts, retries, hedging and sessionPersistence of its requests.",
      name: "An object in the policy's namespace.",
    }).describe("The objects that the policy is for."),
    ...trafficSettingsPart,
  }),
  checkHedging,
);

export type TrafficPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type TrafficPolicy = MeshObject<"TrafficPolicy", TrafficPolicySpec, ObjectStatus>;

export const trafficPolicyKind = defineKind<TrafficPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TrafficPolicy",
  plural: "trafficpolicies",
  shortNames: ["tp"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "How callers' sidecars treat the traffic to the Services that it names: load balancing, health, timeouts, retries, limits. What it leaves out comes from MeshConfig, field by field. Of several policies for one target the oldest holds, then the first by name; the others say Conflicted. What a policy for a route says goes before what the Service's says. `tulle describe service` shows what holds, and where it comes from.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with TargetNotFound, Conflicted, InvalidKind.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata:
  name: catalog
spec:
  targetRefs:
    - {kind: Service, name: catalog}
  loadBalancer: {algorithm: LeastRequest}
  connectTimeout: 1s
  timeouts: {request: 10s, perTry: 2s, idle: 30s}
  retries: {attempts: 3, on: [connect-failure, refused-stream, reset-before-request, gateway-error]}
  outlierDetection: {consecutive5xxErrors: 3}
  circuitBreakers: {maxRequests: 1000}
`,
});
