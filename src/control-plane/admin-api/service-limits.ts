/** The limits of the RateLimitPolicy that holds for a Service, each with the object that it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { loadShedding as sheddingSchema } from "../../resource/kinds/load-shedding.ts";
import { placeOf, rateLimitPolicyKind } from "../../resource/kinds/rate-limit-policy.ts";
import { RATE_LIMIT_UNIT_MS } from "../../resource/kinds/rate-limit-rule.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { LooseRecord } from "../../resource/rule.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { BUILT_IN, policyLeaves, policyOf } from "./policy-of-service.ts";

/** Empty where no policy names the Service. */
export function effectiveLimits(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = service.kind === "Service" && policyOf(service, objects.list("RateLimitPolicy"));
  if (!policy) return [];
  const { mode, local, bandwidth } = policy.spec;
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
  return [...rules, ...refusalsOf(policy, origin), ...sheddingOf(policy, origin)];
}

/** What all rules have in common: of requests, so that limits of bytes and connections have none of it. */
function refusalsOf(
  { spec }: ObjectOf<"RateLimitPolicy">,
  origin: string,
): readonly EffectiveSetting[] {
  const { where, mode, tellsClients, response, local, global } = spec;
  if (local === undefined && global === undefined) return [];
  const place = { field: "rateLimit.where", value: placeOf(spec) };
  const shared = { mode, tellsClients, response, ...(local && { maxClients: local.maxClients }) };
  return [
    { ...place, origin: where === undefined ? BUILT_IN : origin },
    ...policyLeaves(shared, { prefix: "rateLimit", policy: origin, builtIn: limitDefaults() }),
  ];
}

function sheddingOf(
  { spec: { loadShedding } }: ObjectOf<"RateLimitPolicy">,
  origin: string,
): readonly EffectiveSetting[] {
  if (loadShedding === undefined) return [];
  const classes = loadShedding.classes.map(({ priority }) => priority);
  return policyLeaves(
    { ...loadShedding, classes },
    { prefix: "loadShedding", policy: origin, builtIn: sheddingSchema.parse({}) },
  );
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

/** What holds of rules that say nothing. */
function limitDefaults(): LooseRecord {
  const rule = { name: "any", limit: { requests: 1 } };
  const { local, ...spec } = rateLimitPolicyKind.spec.parse({
    targetRefs: [{ name: "any" }],
    local: { rules: [rule] },
  });
  return { ...spec, maxClients: local?.maxClients };
}
