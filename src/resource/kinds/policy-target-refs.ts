/** `spec.targetRefs` of every policy: the objects in its namespace that it is for. */
import { z } from "zod";
import { apiGroup, apiKind, objectName } from "../fields.ts";
import { listRule, reportRepeated, valueAt } from "../rule.ts";

const TARGETS_MAX = 16;

/** What the reference says of each field. */
export interface TargetTexts {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** Of policies for Services and for the routes to them. */
export const SERVICE_OR_ROUTE: TargetTexts = {
  group: "Empty for Service, gateway.networking.k8s.io for routes.",
  kind: "Service, HTTPRoute or GRPCRoute.",
  name: "An object in the policy's namespace.",
};

/** Of policies for workloads, beside a selector. */
export const SERVICE_ONLY: TargetTexts = {
  group: "Empty for Service.",
  kind: "Service.",
  name: "A Service in the policy's namespace.",
};

export function policyTargetRefs(texts: TargetTexts) {
  const targetRef = z.strictObject({
    group: apiGroup().default("").describe(texts.group),
    kind: apiKind().default("Service").describe(texts.kind),
    name: objectName().describe(texts.name),
  });
  return listRule(z.array(targetRef).min(1).max(TARGETS_MAX), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) =>
        JSON.stringify(["group", "kind", "name"].map((key) => valueAt(item, key) ?? null)),
      path: [],
      what: "targets",
    });
  });
}
