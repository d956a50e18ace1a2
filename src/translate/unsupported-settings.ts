/** Settings of a TrafficPolicy that sidecars do not implement yet: each is said on the policy, none is dropped in silence. */
import type { TrafficPolicy } from "../resource/kinds/traffic-policy.ts";
import { keyOf } from "../resource/object.ts";
import { valueAt } from "../resource/rule.ts";
import type { DataPlaneFeatures } from "./features.ts";
import type { Findings } from "./findings.ts";

type Feature = Exclude<keyof DataPlaneFeatures, "meshHop">;

/** Which feature a field of a policy's spec needs. */
const NEEDED: readonly (readonly [path: string, feature: Feature])[] = [
  ["loadBalancer.consistentHash", "hashing"],
  ["loadBalancer.hashBalanceFactor", "hashing"],
  ["loadBalancer.panicThreshold", "panicThreshold"],
  ["loadBalancer.slowStart", "slowStart"],
  ["loadBalancer.locality", "localities"],
  ["loadBalancer.subset", "subsets"],
  ["outlierDetection", "outlierDetection"],
  ["healthCheck", "healthChecks"],
  ["retries.avoidPreviousHosts", "retryPolicies"],
  ["retries.retryAfterMaximum", "retryPolicies"],
  ["retries.budget", "retryBudget"],
  ["hedging", "hedging"],
  ["circuitBreakers", "circuitBreakers"],
  ["connectionPool", "connectionPools"],
  ["sessionPersistence", "sessions"],
  ["timeouts.stream", "streamDuration"],
  ["failover", "aggregateClusters"],
];

export function reportUnsupportedSettings(
  policy: TrafficPolicy,
  features: DataPlaneFeatures,
  findings: Findings,
): void {
  for (const [path, feature] of NEEDED) {
    if (features[feature] || valueAt(policy.spec, ...path.split(".")) === undefined) continue;
    const place = { object: keyOf(policy), path: `spec.${path}` };
    findings.add("field-ignored", place, "has no effect yet");
  }
}
