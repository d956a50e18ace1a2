/** Which AuthorizationPolicies bear on a Service's instances: by Services, labels, namespace, or as the mesh's root. Pure. */
import { type AuthorizationPolicy, isDryRun } from "../../resource/kinds/authorization-policy.ts";
import { isSelected } from "../../translate/mesh-index.ts";
import type { MeshInstance, MeshService, MeshSnapshot } from "../../translate/mesh-snapshot.ts";

const ROOT_NAMESPACE = "tulle-system";

export interface PolicyReach {
  instancesOf(service: MeshService): readonly MeshInstance[];
  /** Policies in force, not those under dry run, in the order of the snapshot. */
  policiesOf(service: MeshService): readonly AuthorizationPolicy[];
}

export function policyReach({
  authorizationPolicies = [],
  instances,
  meshConfig,
}: Pick<MeshSnapshot, "authorizationPolicies" | "instances" | "meshConfig">): PolicyReach {
  const root = meshConfig?.spec.rootNamespace ?? ROOT_NAMESPACE;
  const instancesOf = ({ resource }: MeshService): readonly MeshInstance[] =>
    instances.filter(
      (one) =>
        one.namespace === resource.metadata.namespace &&
        isSelected(one.labels, resource.spec.selector),
    );
  return {
    instancesOf,
    policiesOf: (service) => {
      const { metadata } = service.resource;
      const behind = instancesOf(service);
      return authorizationPolicies.filter((policy) => {
        const { namespace } = policy.metadata;
        const isNear = namespace === metadata.namespace;
        if (isDryRun(policy) || (!isNear && namespace !== root)) return false;
        const { targetRefs, selector } = policy.spec;
        if (targetRefs !== undefined) {
          return isNear && targetRefs.some((one) => one.name === metadata.name);
        }
        const labels = selector?.matchLabels ?? {};
        return (
          Object.keys(labels).length === 0 || behind.some((one) => isSelected(one.labels, labels))
        );
      });
    },
  };
}
