/** `mesh.tulle.dev/v1 TelemetryPolicy`: what is told of requests: access logs, metrics, traces. Istio's Telemetry is the model. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { type LooseRecord, listAt, objectRule, type Report, valueAt } from "../rule.ts";
import { accessLogs } from "./access-log-settings.ts";
import { ruleTargetRefs, SERVICE_OR_ROUTE } from "./policy-target-refs.ts";
import { metricsSettings } from "./telemetry-policy-metrics.ts";
import { telemetryTracingPart } from "./telemetry-policy-tracing.ts";

const specSchema = objectRule(
  z.strictObject({
    selector: z
      .strictObject({ matchLabels: labels().default({}) })
      .optional()
      .describe(
        "Workloads with all of these labels, in the policy's namespace; of a policy in the root namespace, in all of them. Default: all workloads of the namespace; in the root namespace of MeshConfig, of the mesh.",
      ),
    targetRefs: ruleTargetRefs(SERVICE_OR_ROUTE)
      .optional()
      .describe(
        "Instead of selector: requests to these Services, as both their own sidecars and their callers' see them; or traces that begin with requests that these routes take, in callers' sidecars and gateways.",
      ),
    accessLogs: accessLogs
      .optional()
      .describe(
        "Replaces what a wider policy says: entries with output ControlPlane those of the control plane, others the others. An empty list: no lines.",
      ),
    tracing: telemetryTracingPart
      .optional()
      .describe("Traces of requests. Each field replaces that of a wider policy."),
    metrics: metricsSettings.optional().describe("Each field replaces that of a wider policy."),
    proxyStatus: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe(
            "Whether answers that a sidecar gives itself say why in a Proxy-Status field (RFC 9209).",
          ),
        details: z
          .boolean()
          .default(true)
          .describe("Whether the field has Envoy's response code details and flags, too."),
      })
      .optional()
      .describe("Off unless it is asked for."),
  }),
  checkSpec,
);

export type TelemetryPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type TelemetryPolicy = MeshObject<"TelemetryPolicy", TelemetryPolicySpec, ObjectStatus>;

export const telemetryPolicyKind = defineKind<TelemetryPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TelemetryPolicy",
  plural: "telemetrypolicies",
  shortNames: ["tel"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema.prefault({}),
  description:
    "What sidecars tell of requests. One for the whole mesh lives in the root namespace; one without selector and targetRefs holds for its namespace, one with selector for some of its workloads, one with targetRefs for requests to a Service. They are laid over each other in this order, field by field; one with targetRefs to a route, or to a rule of one, says how traces that begin there are sampled and tagged, whatever others say. Of several of a kind the oldest holds. MeshConfig.accessLog is below all of them.",
  status: [{ path: "conditions", description: "Accepted: True, or False with Conflicted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: TelemetryPolicy
metadata:
  name: checkout-logs
spec:
  targetRefs: [{name: checkout}]
  accessLogs:
    - output: Stdout
      match: {mode: SERVER}
      filter: {any: [{statusCodes: [5xx]}, {minDuration: 500ms}]}
    - output: ControlPlane
      capture: {requestHeaders: [x-tenant]}
`,
});

/** Kinds whose requests are told apart by what they match, when it is known whose they are. */
export const TELEMETRY_ROUTE_KINDS = ["HTTPRoute", "GRPCRoute"] as const;

/** What sidecars know of a request before its route. */
const LISTENER_PARTS = ["accessLogs", "metrics", "proxyStatus"] as const;
const LISTENER_TRACING = ["enabled", "formats", "keep", "maxPathLength"] as const;

function checkSpec(spec: LooseRecord, report: Report): void {
  const targets = listAt(spec, "targetRefs");
  if (spec["selector"] !== undefined && spec["targetRefs"] !== undefined) {
    report({
      path: ["targetRefs"],
      message: "selector and targetRefs exclude each other",
      allowed: "one of them",
    });
  }
  for (const [index, target] of targets.entries()) {
    if (valueAt(target, "sectionName") === undefined || isRoute(target)) continue;
    const path = ["targetRefs", index, "sectionName"];
    report({ path, message: "names a rule of a route", allowed: "none, or a route as target" });
  }
  if (targets.some(isRoute)) checkRouteParts(spec, report);
}

/** Envoy's `Route.tracing` has nothing else, and takes what it leaves out for 100 %. */
function checkRouteParts(spec: LooseRecord, report: Report): void {
  const allowed =
    "of a route tracing.sampling and tracing.tags; the rest for a Service or workloads";
  const refuse = (path: string[]): void =>
    report({ path, message: "cannot be said of a route", allowed });
  for (const part of LISTENER_PARTS) if (spec[part] !== undefined) refuse([part]);
  for (const field of LISTENER_TRACING) {
    if (valueAt(spec["tracing"], field) !== undefined) refuse(["tracing", field]);
  }
  if (valueAt(spec["tracing"], "sampling") !== undefined) return;
  const message = "is required where a route is the target";
  report({ path: ["tracing", "sampling"], message, allowed: "percent of the traces: 10" });
}

function isRoute(target: unknown): boolean {
  return TELEMETRY_ROUTE_KINDS.some((kind) => kind === valueAt(target, "kind"));
}
