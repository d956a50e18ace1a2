/** The settings that hold for the traffic to one Service: its TrafficPolicy, then MeshConfig, then the defaults. */
import { durationMs } from "../resource/duration.ts";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import type { LoadBalancerAlgorithm } from "../resource/kinds/traffic-settings.ts";
import type { Findings } from "./findings.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { resolvePolicyTargets } from "./policy-targets.ts";

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

/** Resolves every policy once. They are not merged, so that reading one object tells what is in force. */
export function resolveTrafficSettings(
  snapshot: MeshSnapshot,
  findings: Findings,
): TrafficSettingsOf {
  const policies = resolvePolicyTargets(snapshot.trafficPolicies, ["Service"], snapshot, findings);
  const { defaults } = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  return (service) => {
    const spec = policies.of("Service", service)?.spec;
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
