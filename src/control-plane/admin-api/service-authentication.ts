/** Whose users' tokens hold at the instances of a Service, and whether their keys are there. Pure. */
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import {
  type JwtRule,
  requestAuthenticationKind,
} from "../../resource/kinds/request-authentication.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { type FetchedKeySets, keySourceOf } from "../../translate/jwt/key-source.ts";
import { holdsFor } from "../../translate/workload-policy.ts";
import type { EffectiveSetting, InstanceView } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { policyLeaves } from "./policy-of-service.ts";

/** `service` is `default/catalog`. `instances` are those of the Service. */
export function effectiveAuthentication(
  service: string,
  instances: readonly InstanceView[],
  objects: ObjectCache,
  keySets: FetchedKeySets,
): readonly EffectiveSetting[] {
  const meshConfig = objects.list("MeshConfig")[0];
  const { rootNamespace } = meshConfig?.spec ?? defaultMeshConfigSpec();
  return objects
    .list("RequestAuthentication")
    .filter((policy) =>
      instances.some(({ namespace, labels }) =>
        holdsFor(policy, { namespace, labels, services: [service] }, rootNamespace),
      ),
    )
    .flatMap((policy) => {
      const origin = formatKey(keyOf(policy));
      return policy.spec.jwtRules.flatMap((rule) => ruleSettings(rule, origin, keySets));
    });
}

/** The issuer first: what follows it is of its tokens. */
function ruleSettings(
  rule: JwtRule,
  origin: string,
  keySets: FetchedKeySets,
): readonly EffectiveSetting[] {
  const { issuer, jwksUri: _, jwks: __, ...settings } = rule;
  const value = `${issuer}, ${keysText(rule, keySets)}`;
  const [builtIn = {}] = requestAuthenticationKind.spec.parse({
    jwtRules: [{ issuer: "https://any.example" }],
  }).jwtRules;
  return [
    { field: "authentication.issuer", value, origin },
    ...policyLeaves(settings, { prefix: "authentication", policy: origin, builtIn }),
  ];
}

function keysText(rule: JwtRule, keySets: FetchedKeySets): string {
  const source = keySourceOf(rule);
  if (source === undefined) return "keys inline";
  const fetched = keySets.get(source.key);
  if (fetched?.document === undefined) return `no keys: ${fetched?.problem ?? "not fetched yet"}`;
  return fetched.problem === undefined ? "keys fetched" : `keys from before: ${fetched.problem}`;
}
