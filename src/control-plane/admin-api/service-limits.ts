/** The limits of the RateLimitPolicy that holds for a Service, each with the object that it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { placeOf } from "../../resource/kinds/rate-limit-policy.ts";
import { RATE_LIMIT_UNIT_MS } from "../../resource/kinds/rate-limit-rule.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { compareAge } from "../../translate/object-order.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";

/** Empty where no policy names the Service. */
export function effectiveLimits(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = policyOf(service, objects);
  if (policy === undefined) return [];
  const { mode, local, bandwidth, loadShedding } = policy.spec;
  const origin = formatKey(keyOf(policy));
  const where = placeOf(policy.spec) === "Server" ? "each instance" : "each caller";
  const rules = (local?.rules ?? []).map(({ name, per = [], limit }) => {
    const { requests, unit, burst = Math.ceil(requests / 2) } = limit;
    const each = per.map((item) => item.name ?? item.type).join(" and ");
    const parts = [
      `${requests} in ${RATE_LIMIT_UNIT_MS[unit] / 1000}s`,
      `${burst} at once`,
      `at ${where}`,
      ...(each === "" ? [] : [`for each ${each}`]),
      ...(mode === "Observe" ? ["observed only"] : []),
    ];
    return { field: `rateLimits.${name}`, value: parts.join(", "), origin };
  });
  rules.push(...connectionLimitsOf(policy, origin, where), ...globalLimitsOf(policy, origin));
  for (const direction of ["request", "response"] as const) {
    const limit = bandwidth?.[direction];
    if (limit === undefined) continue;
    const value = `${limit.kibibytesPerSecond} KiB/s at ${where}`;
    rules.push({ field: `bandwidth.${direction}`, value, origin });
  }
  if (loadShedding === undefined) return rules;
  const { minConcurrency, maxConcurrency, classes } = loadShedding;
  const named = classes.map(({ priority }) => priority).join(", ") || "none";
  const value = `${minConcurrency} to ${maxConcurrency} requests at a time, classes: ${named}`;
  return [...rules, { field: "loadShedding", value, origin }];
}

function connectionLimitsOf(
  { spec: { connections } }: ObjectOf<"RateLimitPolicy">,
  origin: string,
  where: string,
): readonly EffectiveSetting[] {
  const { max, newPerSecond, burst = Math.ceil((newPerSecond ?? 0) / 2) } = connections ?? {};
  const limits: EffectiveSetting[] = [];
  if (max !== undefined) {
    limits.push({ field: "connections.max", value: `${max} at ${where}`, origin });
  }
  if (newPerSecond !== undefined) {
    const value = `${newPerSecond} in 1s, ${burst} at once, at ${where}`;
    limits.push({ field: "connections.newPerSecond", value, origin });
  }
  return limits;
}

function globalLimitsOf(
  { spec: { global, mode } }: ObjectOf<"RateLimitPolicy">,
  origin: string,
): readonly EffectiveSetting[] {
  if (global === undefined) return [];
  const { service, timeout, onFailure } = global;
  return global.rules.map(({ name, per = [], limit }) => {
    const { requests = 0, unit = "Second", burst = Math.ceil(requests / 2) } = limit ?? {};
    const amount = `${requests} in ${RATE_LIMIT_UNIT_MS[unit] / 1000}s, ${burst} at once`;
    const each = per.map((item) => item.name ?? item.type).join(" and ");
    const parts = [
      limit === undefined ? "as the service says" : `${amount}, all instances together`,
      ...(each === "" ? [] : [`for each ${each}`]),
      ...(mode === "Observe" ? ["observed only"] : []),
      `asked of ${service?.address ?? "the control plane"} for ${timeout}`,
      onFailure === "Deny" ? "no answer refuses" : "no answer lets through",
    ];
    return { field: `globalRateLimits.${name}`, value: parts.join(", "), origin };
  });
}

function policyOf(
  { kind, metadata }: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): ObjectOf<"RateLimitPolicy"> | undefined {
  return objects
    .list("RateLimitPolicy")
    .filter(
      (policy) =>
        policy.metadata.namespace === metadata.namespace &&
        policy.spec.targetRefs.some(
          (target) => target.group === "" && target.kind === kind && target.name === metadata.name,
        ),
    )
    .toSorted(compareAge)[0];
}
