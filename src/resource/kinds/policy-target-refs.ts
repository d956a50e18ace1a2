/** `spec.targetRefs` of every policy: the objects in its namespace that it is for. */
import { z } from "zod";
import { apiGroup, apiKind, dnsSubdomain, objectName } from "../fields.ts";
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
  return targetList(targetRef(texts));
}

/** Of policies that may also be for a single rule of a route. */
export function ruleTargetRefs(texts: TargetTexts) {
  const sectionName = dnsSubdomain()
    .optional()
    .describe("The name of a rule of the route. Without it: all of its rules.");
  return targetList(targetRef(texts).extend({ sectionName }));
}

function targetRef(texts: TargetTexts) {
  return z.strictObject({
    group: apiGroup().default("").describe(texts.group),
    kind: apiKind().default("Service").describe(texts.kind),
    name: objectName().describe(texts.name),
  });
}

function targetList<T extends z.ZodType>(item: T) {
  return listRule(z.array(item).min(1).max(TARGETS_MAX), (items, report) => {
    reportRepeated(items, report, {
      identity: (one) =>
        JSON.stringify(
          ["group", "kind", "name", "sectionName"].map((key) => valueAt(one, key) ?? null),
        ),
      path: [],
      what: "targets",
    });
  });
}
