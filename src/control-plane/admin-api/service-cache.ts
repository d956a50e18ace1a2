/** The settings of the CachePolicy that holds for a Service, each with where it comes from. Pure. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { cachePolicyKind } from "../../resource/kinds/cache-policy.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { policyLeaves, policyOf } from "./policy-of-service.ts";

/** Empty where no policy names the Service. */
export function effectiveCache(
  service: ObjectOf<"Service" | "ExternalService">,
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const policy = service.kind === "Service" && policyOf(service, objects.list("CachePolicy"));
  if (!policy) return [];
  // Purges are what was done once, not what holds.
  const { targetRefs: _, purges: __, ...settings } = policy.spec;
  return policyLeaves(settings, {
    prefix: "cache",
    policy: formatKey(keyOf(policy)),
    builtIn: cachePolicyKind.spec.parse({ targetRefs: [{ name: "any" }] }),
    unset: { match: "every GET and HEAD", defaultTtl: "not kept unless the answer says" },
  });
}
