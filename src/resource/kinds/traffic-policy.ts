/** `mesh.tulle.dev/v1 TrafficPolicy`: how callers' sidecars treat the traffic to a Service. */
import { z } from "zod";
import { apiGroup, apiKind, dnsSubdomain, duration, objectName } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listRule, reportRepeated, valueAt } from "../rule.ts";
import { CONNECT_TIMEOUT_RANGE, loadBalancer, timeoutFields } from "./traffic-settings.ts";

const targetRef = z.strictObject({
  group: apiGroup().default("").describe("Empty: the core group, where Service lives."),
  kind: apiKind().default("Service").describe("Only Service has an effect."),
  name: objectName().describe("A Service in the policy's namespace."),
});

const specSchema = z.strictObject({
  targetRefs: listRule(z.array(targetRef).min(1).max(16), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) =>
        JSON.stringify(["group", "kind", "name"].map((key) => valueAt(item, key) ?? null)),
      path: [],
      what: "targets",
    });
  }).describe("The Services that the policy is for."),
  loadBalancer: loadBalancer.optional().describe("How an instance is chosen."),
  connectTimeout: duration(CONNECT_TIMEOUT_RANGE)
    .optional()
    .describe("For a connection to an instance, its TLS handshake included."),
  timeouts: z
    .strictObject({
      request: timeoutFields.request.optional(),
      idle: timeoutFields.idle.optional(),
      connectionIdle: timeoutFields.connectionIdle.optional(),
    })
    .optional(),
});

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
    "Load balancing and timeouts of the traffic to the Services that it names. What it leaves out comes from MeshConfig. Of several policies for one Service the oldest holds, then the first by name; the others say Conflicted.",
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
  timeouts: {request: 10s, idle: 30s}
`,
});
