/** The settings that hold for the traffic to one Service: its TrafficPolicy, then MeshConfig, then the defaults. */
import { durationMs } from "../resource/duration.ts";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import type { TrafficPolicy } from "../resource/kinds/traffic-policy.ts";
import type { LoadBalancerAlgorithm } from "../resource/kinds/traffic-settings.ts";
import { keyOf } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { qualifiedName } from "./names.ts";
import { compareAge } from "./object-order.ts";

/** Times in milliseconds; 0 means none. */
export interface TrafficSettings {
  readonly algorithm: LoadBalancerAlgorithm;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A TrafficPolicy's own. Without it the listener's holds, which is MeshConfig's and never ends a live tunnel. */
  readonly idleTimeoutMs: number | undefined;
  readonly connectionIdleTimeoutMs: number;
}

/** Settings by Service (`namespace/name`). */
export type TrafficSettingsOf = (service: string) => TrafficSettings;

/**
 * Resolves every policy once. Of several for one Service the oldest holds as a whole; they are not merged,
 * so that reading one object tells what is in force.
 */
export function resolveTrafficSettings(
  snapshot: MeshSnapshot,
  findings: Findings,
): TrafficSettingsOf {
  const services = new Set(
    snapshot.services.map(({ resource }) => qualifiedName(resource.metadata)),
  );
  const policyByService = new Map<string, TrafficPolicy>();
  for (const policy of snapshot.trafficPolicies.toSorted(compareAge)) {
    for (const [index, target] of policy.spec.targetRefs.entries()) {
      const place = { object: keyOf(policy), path: `spec.targetRefs[${index}]` };
      const service = qualifiedName({ namespace: policy.metadata.namespace, name: target.name });
      const holder = policyByService.get(service);
      if (target.group !== "" || target.kind !== "Service") {
        findings.add("field-ignored", place, `a policy has no effect on a ${target.kind}`);
      } else if (!services.has(service)) {
        findings.add("target-not-found", place, `there is no Service ${service}`);
      } else if (holder !== undefined && holder !== policy) {
        const older = qualifiedName(holder.metadata);
        findings.add("policy-conflict", place, `Service ${service} follows TrafficPolicy ${older}`);
      } else {
        policyByService.set(service, policy);
      }
    }
  }
  const { defaults } = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  return (service) => {
    const spec = policyByService.get(service)?.spec;
    return {
      algorithm: (spec?.loadBalancer ?? defaults.loadBalancer).algorithm,
      connectTimeoutMs: durationMs(spec?.connectTimeout ?? defaults.connectTimeout),
      requestTimeoutMs: durationMs(spec?.timeouts?.request ?? defaults.timeouts.request),
      idleTimeoutMs:
        spec?.timeouts?.idle === undefined ? undefined : durationMs(spec.timeouts.idle),
      connectionIdleTimeoutMs: durationMs(
        spec?.timeouts?.connectionIdle ?? defaults.timeouts.connectionIdle,
      ),
    };
  };
}
