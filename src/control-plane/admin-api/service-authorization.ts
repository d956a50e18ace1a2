/** Which AuthorizationPolicies hold for the instances of a Service, and what holds without one. Pure. */
import { isDryRun } from "../../resource/kinds/authorization-policy.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import type { ServicePort } from "../../resource/kinds/service.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import { expandedRules } from "../../resource/role-expansion.ts";
import { Findings } from "../../translate/findings.ts";
import { resolveAuthorization } from "../../translate/rbac/authorization.ts";
import type { EffectiveSetting, InstanceView } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";

/** `service` is `default/catalog`. `instances` are those of the Service. */
export function effectiveAuthorization(
  service: string,
  ports: readonly ServicePort[],
  instances: readonly InstanceView[],
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  if (ports.length === 0) return [];
  const meshConfig = objects.list("MeshConfig")[0];
  const authorizationPolicies = objects.list("AuthorizationPolicy");
  const { trustDomain } = meshConfig?.spec ?? defaultMeshConfigSpec();
  const placed = <T>(resource: T) => ({ resource, serviceIndex: 0 });
  const mesh = {
    ...{ meshConfig, authorizationPolicies, trustDomain },
    services: objects.list("Service").map(placed),
    externalServices: objects.list("ExternalService").map(placed),
  };
  const authorization = resolveAuthorization(mesh, new Findings());
  const policies = instances.flatMap(({ namespace, labels }) =>
    authorization.policiesOf({
      ...{ namespace, labels, services: [service] },
      port: { app: 0, listener: 0 },
    }),
  );
  const settings = [...new Set(policies)].map((policy) => {
    const rules = expandedRules(policy.spec).length;
    const count = `${rules} ${rules === 1 ? "rule" : "rules"}`;
    const { action } = policy.spec;
    const value = isDryRun(policy) ? `${count}, dry run` : count;
    return { field: `authorization.${action}`, value, origin: formatKey(keyOf(policy)) };
  });
  const { defaultAction } = (meshConfig?.spec ?? defaultMeshConfigSpec()).authorization;
  const origin = meshConfig === undefined ? "built-in default" : formatKey(keyOf(meshConfig));
  return [...settings, { field: "authorization.defaultAction", value: defaultAction, origin }];
}
