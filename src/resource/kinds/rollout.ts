/** `mesh.tulle.dev/v1 Rollout`: moves a Service's requests to a new version, and back when it is no good. */
import { z } from "zod";
import { apiGroup, apiKind, dnsLabel1035, dnsSubdomain, duration } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { type LooseRecord, objectRule, type Report, valueAt } from "../rule.ts";
import { rolloutAnalysis } from "./rollout-analysis.ts";
import { ROLLOUT_STATUS_FIELDS, type RolloutStatus } from "./rollout-status.ts";
import { rolloutStrategy } from "./rollout-strategy.ts";

const specSchema = objectRule(
  z.strictObject({
    targetRef: z
      .strictObject({
        group: apiGroup().default("").describe("Empty: the core group, where Service lives."),
        kind: apiKind().default("Service").describe("Only Service has an effect."),
        name: dnsLabel1035().describe("The Service that callers address."),
      })
      .describe("Whose requests are divided."),
    stableService: dnsLabel1035().describe("The version that has the requests now: a Service."),
    canaryService: dnsLabel1035().describe(
      "The version that is to get them: a Service. Another one starts the rollout anew.",
    ),
    strategy: rolloutStrategy.describe("How requests move. Exactly one."),
    analysis: rolloutAnalysis.prefault({}).describe("What must hold for it to go on."),
    progressDeadline: duration({ minMs: 1000, maxMs: 24 * 3_600_000 })
      .default("10m")
      .describe("It rolls back when it waits longer than this for instances or requests."),
    paused: z.boolean().default(false).describe("True: it stays where it is."),
  }),
  checkNames,
);

/** The three Services must be three. */
function checkNames(spec: LooseRecord, report: Report): void {
  const target = valueAt(spec, "targetRef", "name");
  const { stableService, canaryService } = spec;
  if (stableService !== undefined && stableService === canaryService) {
    report({
      path: ["canaryService"],
      message: `is ${canaryService}, and so is stableService; a version is a Service of its own, whose selector asks for one label more`,
    });
  }
  for (const field of ["stableService", "canaryService"]) {
    if (target === undefined || spec[field] !== target) continue;
    report({
      path: [field],
      message: `is the target itself; name the Service of one version, like ${target}-v1`,
    });
  }
}

export type RolloutSpec = DeepReadonly<z.output<typeof specSchema>>;
export type Rollout = MeshObject<"Rollout", RolloutSpec, RolloutStatus>;

export const rolloutKind = defineKind<Rollout>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "Rollout",
  plural: "rollouts",
  shortNames: ["ro"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Moves the requests of the Service in targetRef from stableService to canaryService, step by step, all at once or for chosen users, and back when a gate fails. Versions are Services, as the Gateway API means it. Routes of the target are not changed: where they send to the target or to one of the versions, the Rollout divides. It starts when it is applied and whenever canaryService changes. Of several Rollouts for one target the oldest holds.",
  status: ROLLOUT_STATUS_FIELDS,
  example: `apiVersion: mesh.tulle.dev/v1
kind: Rollout
metadata:
  name: catalog
spec:
  targetRef: {kind: Service, name: catalog}
  stableService: catalog-v1
  canaryService: catalog-v2
  strategy:
    canary:
      steps:
        - {setWeight: 5, pause: {duration: 1m}}
        - {setWeight: 25, pause: {duration: 5m}}
        - {setWeight: 50, pause: {duration: 5m}}
  analysis:
    interval: 10s
    metrics:
      - name: request-success-rate
        thresholdRange: {min: 99}
      - name: request-duration
        percentile: 95
        thresholdRange: {max: 300}
`,
});
