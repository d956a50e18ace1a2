/** The settings that hold for the traffic to one Service: its TrafficPolicy, laid over MeshConfig's defaults. */
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import type { TrafficPolicy } from "../resource/kinds/traffic-policy.ts";
import type { TrafficSettingsSpec } from "../resource/kinds/traffic-settings.ts";
import { mergeSettings } from "../resource/merge-settings.ts";
import { type DeepReadonly, keyOf } from "../resource/object.ts";
import type { LooseRecord } from "../resource/rule.ts";
import type { Findings } from "./findings.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { type PolicyTargets, resolvePolicyTargets } from "./policy-targets.ts";

/** Durations as their authors wrote them. */
export interface TrafficSettings extends DeepReadonly<TrafficSettingsSpec> {
  /** A policy's `timeouts.idle`. Without it the listener's holds, which is MeshConfig's and never ends a live tunnel. */
  readonly ownIdleTimeout: string | undefined;
  /** The policy that holds, for findings and for names without a namespace. */
  readonly policy: TrafficPolicy | undefined;
}

/** A route that a policy may be attached to. */
export interface RouteTarget {
  readonly kind: "HTTPRoute" | "GRPCRoute";
  /** `default/catalog`. */
  readonly name: string;
}

export interface TrafficSettingsOf {
  /** By `Service/namespace/name` or `ExternalService/namespace/name`. */
  readonly service: (kind: "Service" | "ExternalService", name: string) => TrafficSettings;
  /** What a policy for a route makes of the settings of its parent. */
  readonly route: (route: RouteTarget, parent: TrafficSettings) => TrafficSettings;
}

/** What a policy for a route can say: everything else is about connections, which routes share. */
export const ROUTE_SETTINGS = ["timeouts", "retries", "hedging", "sessionPersistence"] as const;

/** Resolves every policy once. Policies are not merged with each other: of several for one target one holds. */
export function resolveTrafficSettings(
  snapshot: MeshSnapshot,
  findings: Findings,
): TrafficSettingsOf {
  const targets = resolvePolicyTargets(
    snapshot.trafficPolicies,
    ["Service", "ExternalService", "HTTPRoute", "GRPCRoute"],
    snapshot,
    findings,
  );
  const { defaults } = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  for (const policy of snapshot.trafficPolicies) {
    reportClusterSettings(policy, findings);
    reportSubsetting(policy, defaults.loadBalancer.algorithm, findings);
  }
  return {
    service: (kind, name) => layered(defaults, targets.of(kind, name), undefined),
    route: (route, parent) => routeSettings(route, parent, targets),
  };
}

function routeSettings(
  { kind, name }: RouteTarget,
  parent: TrafficSettings,
  targets: PolicyTargets<TrafficPolicy>,
): TrafficSettings {
  const policy = targets.of(kind, name);
  if (policy === undefined) return parent;
  const { timeouts, retries, hedging, sessionPersistence } = policy.spec;
  const { ownIdleTimeout, policy: _, ...before } = parent;
  const own = {
    ...policy,
    spec: { targetRefs: [], timeouts, retries, hedging, sessionPersistence },
  };
  return layered(before, own as TrafficPolicy, ownIdleTimeout);
}

function layered(
  base: DeepReadonly<TrafficSettingsSpec>,
  policy: TrafficPolicy | undefined,
  ownIdleTimeout: string | undefined,
): TrafficSettings {
  const { targetRefs: _, ...own } = policy?.spec ?? { targetRefs: [] };
  const merged = mergeSettings(base as unknown as LooseRecord, own as LooseRecord);
  return {
    ...(merged as unknown as DeepReadonly<TrafficSettingsSpec>),
    ownIdleTimeout: policy?.spec.timeouts?.idle ?? ownIdleTimeout,
    policy,
  };
}

/** A policy for routes alone that sets what only a Service has. */
function reportClusterSettings(policy: TrafficPolicy, findings: Findings): void {
  const { targetRefs, ...settings } = policy.spec;
  if (!targetRefs.every(({ kind }) => kind === "HTTPRoute" || kind === "GRPCRoute")) return;
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || ROUTE_SETTINGS.some((allowed) => allowed === name)) continue;
    const message = "has no effect on a route; name the Service in a policy of its own";
    findings.add("field-ignored", { object: keyOf(policy), path: `spec.${name}` }, message);
  }
}

/** A policy that sets no algorithm, below a MeshConfig with one that hashes. */
function reportSubsetting(policy: TrafficPolicy, byDefault: string, findings: Findings): void {
  const { algorithm, subsetting } = policy.spec.loadBalancer ?? {};
  const isHashing = byDefault === "RingHash" || byDefault === "Maglev";
  if (algorithm !== undefined || !isHashing || !subsetting?.size) return;
  const message = `has no effect with MeshConfig's ${byDefault}: callers must hash over the same instances; set algorithm`;
  const path = "spec.loadBalancer.subsetting";
  findings.add("field-ignored", { object: keyOf(policy), path }, message);
}
