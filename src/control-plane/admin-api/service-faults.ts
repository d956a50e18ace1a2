/** The faults that callers of a Service get on purpose, each with where it comes from, and when they end. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { faultEndMs, faultPolicyKind } from "../../resource/kinds/fault-policy.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { BUILT_IN, policyLeaves, policyOf } from "./policy-of-service.ts";

/** Empty where no policy in force names the Service. `nowMs` is in milliseconds since the epoch. */
export function effectiveFaults(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
  nowMs: number,
): readonly EffectiveSetting[] {
  // As translation does it: a policy whose time is over stands in nobody's way.
  const active = objects
    .list("FaultPolicy")
    .filter((policy) => nowMs < (faultEndMs(policy) ?? Number.POSITIVE_INFINITY));
  const policy = service.kind === "Service" && policyOf(service, active);
  if (!policy) return [];
  const { targetRefs: _, ttl, expiresAt, ...settings } = policy.spec;
  const origin = formatKey(keyOf(policy));
  const every = faultPolicyKind.spec.parse({ targetRefs: [{ name: "any" }], reset: {} }).reset;
  const leaves = policyLeaves(settings, {
    prefix: "fault",
    policy: origin,
    builtIn: { delay: every, abort: every, reset: every, responseRateLimit: every },
    unset: { match: "every request", maxActive: "no limit" },
  });
  const endMs = faultEndMs(policy);
  if (endMs === undefined) return leaves;
  const isWritten = ttl !== undefined || expiresAt !== undefined;
  const ends = { field: "fault.endsAt", value: new Date(endMs).toISOString() };
  return [...leaves, { ...ends, origin: isWritten ? origin : BUILT_IN }];
}
