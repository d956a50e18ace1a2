/** Looks at TrafficPolicies side by side: which share a target. */
import type { TrafficPolicy } from "../kinds/traffic-policy.ts";
import { formatKey, keyOf } from "../object.ts";
import type { CheckFinding } from "./check-finding.ts";
import { compareAge } from "./object-age.ts";

/** Tells the policy that holds for a target of the younger ones. Translation tells the younger ones. */
export function checkPolicies(policies: readonly TrafficPolicy[]): readonly CheckFinding[] {
  const holders = new Map<string, { readonly policy: TrafficPolicy; readonly path: string }>();
  const findings: CheckFinding[] = [];
  for (const policy of policies.toSorted(compareAge)) {
    for (const [index, { group, kind, name }] of policy.spec.targetRefs.entries()) {
      const target = JSON.stringify([policy.metadata.namespace, group, kind, name]);
      const holder = holders.get(target);
      if (holder === undefined) {
        holders.set(target, { policy, path: `spec.targetRefs[${index}]` });
      } else {
        findings.push({
          code: "policy-contested",
          severity: "warning",
          object: keyOf(holder.policy),
          path: holder.path,
          message: `${formatKey(keyOf(policy))} names ${kind} ${name} too; it is younger and has no effect there`,
        });
      }
    }
  }
  return findings;
}
