/** How localities count in a cluster, and which of its endpoints keep their sessions. */
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster_CommonLbConfig } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  HealthStatus,
  type HealthStatusSet,
} from "../../gen/envoy/config/core/v3/health_check_pb.js";
import type { LocalityLbConfig } from "../../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import { OVERRIDE_DEFAULT, type OverrideRule } from "../load-balancer/host.ts";
import type { LocalityMode } from "../load-balancer/host-group.ts";
import { ZONE_AWARE_DEFAULTS } from "../load-balancer/zone-aware.ts";

export const LOCALITY_NONE: LocalityMode = { kind: "none" };
export const LOCALITY_WEIGHTED: LocalityMode = { kind: "weighted" };
/** As in Envoy: zones count wherever this proxy knows its own cluster. */
export const LOCALITY_DEFAULT: LocalityMode = { kind: "zone-aware", settings: ZONE_AWARE_DEFAULTS };

interface ZoneAwareFields {
  readonly routingEnabled?: { readonly value: number } | undefined;
  readonly minClusterSize?: bigint | undefined;
  readonly failTrafficOnPanic: boolean;
}

export function compileLocality(
  config: LocalityLbConfig | undefined,
  path: string,
  errors: FieldError[],
): LocalityMode {
  const specifier = config?.localityConfigSpecifier;
  switch (specifier?.case) {
    case "localityWeightedLbConfig":
      return LOCALITY_WEIGHTED;
    case "zoneAwareLbConfig": {
      const at = `${path}.locality_lb_config.zone_aware_lb_config`;
      return zoneAware(specifier.value, at, errors);
    }
    default:
      return LOCALITY_DEFAULT;
  }
}

/** From the older place. Policies that hash know no zones. */
export function legacyLocality(
  common: Cluster_CommonLbConfig | undefined,
  isHashing: boolean,
  errors: FieldError[],
): LocalityMode {
  const specifier = common?.localityConfigSpecifier;
  if (specifier?.case === "localityWeightedLbConfig") return LOCALITY_WEIGHTED;
  if (isHashing) return LOCALITY_NONE;
  if (specifier?.case !== "zoneAwareLbConfig") return LOCALITY_DEFAULT;
  return zoneAware(specifier.value, "common_lb_config.zone_aware_lb_config", errors);
}

function zoneAware(fields: ZoneAwareFields, path: string, errors: FieldError[]): LocalityMode {
  const percent = fields.routingEnabled?.value ?? 100;
  if (!(percent >= 0 && percent <= 100)) {
    const message = `${percent} is not from 0 to 100`;
    errors.push({ path: `${path}.routing_enabled.value`, message });
  }
  const { clusterSizeMin } = ZONE_AWARE_DEFAULTS;
  return {
    kind: "zone-aware",
    settings: {
      fraction: percent / 100,
      clusterSizeMin: Number(fields.minClusterSize ?? clusterSizeMin),
      failsInPanic: fields.failTrafficOnPanic,
    },
  };
}

/** An empty set keeps no session at all. */
export function overrideRule(set: HealthStatusSet | undefined): OverrideRule {
  if (set === undefined) return OVERRIDE_DEFAULT;
  const has = (...statuses: readonly HealthStatus[]): boolean =>
    statuses.some((status) => set.statuses.includes(status));
  return {
    healthy: has(HealthStatus.HEALTHY, HealthStatus.UNKNOWN),
    degraded: has(HealthStatus.DEGRADED),
    draining: has(HealthStatus.DRAINING),
    unhealthy: has(HealthStatus.UNHEALTHY, HealthStatus.TIMEOUT),
  };
}
