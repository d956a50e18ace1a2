/** How a Cluster message asks for its endpoints to be chosen: the policy, localities, subsets, sessions. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
  type LoadBalancingPolicy,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { LocalityLbConfigSchema } from "../../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import { LeastRequestSchema } from "../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { MaglevSchema } from "../../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js";
import { RandomSchema } from "../../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { RingHashSchema } from "../../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import { RoundRobinSchema } from "../../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { SubsetSchema } from "../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { WrrLocalitySchema } from "../../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import type { OverrideRule } from "../load-balancer/host.ts";
import type { LocalityMode } from "../load-balancer/host-group.ts";
import type { SubsetSettings } from "../load-balancer/subsets.ts";
import { type BalancerPolicy, leastRequest, maglev, ringHash } from "./balancer-policy.ts";
import {
  compileLocality,
  LOCALITY_DEFAULT,
  LOCALITY_NONE,
  LOCALITY_WEIGHTED,
  legacyLocality,
  overrideRule,
} from "./locality-config.ts";
import { type PlacedSubsetting, randomSubsettingOf } from "./random-subsetting-config.ts";
import { compileSubsets } from "./subset-config.ts";

export interface BalancerConfig {
  readonly policy: BalancerPolicy;
  readonly locality: LocalityMode;
  readonly subsets: SubsetSettings | undefined;
  /** How many endpoints of a priority this proxy uses. Undefined: all of them. */
  readonly subsetSize: number | undefined;
  /** Which endpoints keep the sessions that are bound to them. */
  readonly override: OverrideRule;
}

type Choice = Omit<BalancerConfig, "override">;

const PEAK_EWMA = "envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma";
const WHOLE = { subsets: undefined, subsetSize: undefined } as const;
const ROUND_ROBIN: Choice = {
  policy: { kind: "round-robin" },
  locality: LOCALITY_DEFAULT,
  ...WHOLE,
};

/** The first policy of the list that is implemented, as the message asks, else the older enumeration. */
export function compileBalancer(cluster: Cluster, errors: FieldError[]): BalancerConfig {
  const override = overrideRule(cluster.commonLbConfig?.overrideHostStatus);
  const { loadBalancingPolicy } = cluster;
  if (loadBalancingPolicy === undefined) return { ...legacyChoice(cluster, errors), override };
  refuseOlderFields(cluster, errors);
  const path = "load_balancing_policy";
  return { ...(typedChoice(loadBalancingPolicy, path, errors) ?? ROUND_ROBIN), override };
}

/** Undefined when none of the policies is implemented, which is an error. */
function typedChoice(
  list: LoadBalancingPolicy | undefined,
  path: string,
  errors: FieldError[],
): Choice | undefined {
  for (const [index, policy] of (list?.policies ?? []).entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const at = `${path}.policies[${index}].typed_extension_config.typed_config`;
    const choice = choiceOf(any, at, errors);
    if (choice !== undefined) return choice;
  }
  const message =
    "none of the policies is implemented; use RoundRobin, LeastRequest, Random, RingHash, Maglev, WrrLocality, Subset, RandomSubsetting, PeakEwma";
  errors.push({ path: `${path}.policies`, message });
  return undefined;
}

function choiceOf(any: Any, path: string, errors: FieldError[]): Choice | undefined {
  const part = randomSubsettingOf(any, path, errors);
  if (part !== undefined) return partChoice(part, errors);
  const wrapped = anyUnpack(any, TypedStructSchema);
  if (wrapped !== undefined) {
    if (!wrapped.typeUrl.endsWith(`/${PEAK_EWMA}`)) return undefined;
    const locality = peakEwmaLocality(wrapped.value ?? {}, `${path}.value`, errors);
    return { policy: { kind: "peak-ewma" }, locality, ...WHOLE };
  }
  const roundRobin = anyUnpack(any, RoundRobinSchema);
  if (roundRobin !== undefined) {
    const locality = compileLocality(roundRobin.localityLbConfig, path, errors);
    return { policy: { kind: "round-robin" }, locality, ...WHOLE };
  }
  const least = anyUnpack(any, LeastRequestSchema);
  if (least !== undefined) {
    const locality = compileLocality(least.localityLbConfig, path, errors);
    return { policy: leastRequest(least, path, errors), locality, ...WHOLE };
  }
  const random = anyUnpack(any, RandomSchema);
  if (random !== undefined) {
    const locality = compileLocality(random.localityLbConfig, path, errors);
    return { policy: { kind: "random" }, locality, ...WHOLE };
  }
  return hashingChoice(any, path, errors) ?? wrappingChoice(any, path, errors);
}

/** The policy has no message: what stands in its place has the fields of least request. */
function peakEwmaLocality(value: JsonObject, path: string, errors: FieldError[]): LocalityMode {
  let locality = LOCALITY_DEFAULT;
  for (const [key, json] of Object.entries(value)) {
    switch (key) {
      // Read with those of other policies.
      case "slow_start_config":
        break;
      case "locality_lb_config":
        try {
          locality = compileLocality(fromJson(LocalityLbConfigSchema, json), path, errors);
        } catch (error) {
          errors.push({ path: `${path}.${key}`, message: messageOf(error) });
        }
        break;
      default:
        errors.push({ path: `${path}.${key}`, message: "not implemented by this proxy" });
    }
  }
  return locality;
}

function hashingChoice(any: Any, path: string, errors: FieldError[]): Choice | undefined {
  const ring = anyUnpack(any, RingHashSchema);
  const table = anyUnpack(any, MaglevSchema);
  const message = ring ?? table;
  if (message === undefined) return undefined;
  const isWeighted = message.localityWeightedLbConfig !== undefined;
  return {
    policy: ring === undefined ? maglev(table!, path, errors) : ringHash(ring, path, errors),
    locality: isWeighted ? LOCALITY_WEIGHTED : LOCALITY_NONE,
    ...WHOLE,
  };
}

/** Policies around others. */
function wrappingChoice(any: Any, path: string, errors: FieldError[]): Choice | undefined {
  const byLocality = anyUnpack(any, WrrLocalitySchema);
  if (byLocality !== undefined) {
    const inner = `${path}.endpoint_picking_policy`;
    const choice = typedChoice(byLocality.endpointPickingPolicy, inner, errors) ?? ROUND_ROBIN;
    return { ...choice, locality: LOCALITY_WEIGHTED };
  }
  const subset = anyUnpack(any, SubsetSchema);
  if (subset === undefined) return undefined;
  const choice = typedChoice(subset.subsetLbPolicy, `${path}.subset_lb_policy`, errors);
  return { ...(choice ?? ROUND_ROBIN), subsets: compileSubsets(subset, path, errors) };
}

/** The order of two of them makes no difference: both rank endpoints alike, and the smaller one decides. */
function partChoice({ message, path }: PlacedSubsetting, errors: FieldError[]): Choice {
  const { subsetSize, childPolicy } = message;
  if (subsetSize === undefined || subsetSize < 1) {
    errors.push({ path: `${path}.subset_size`, message: "must be above 0" });
  }
  const inner = `${path}.child_policy`;
  const choice = typedChoice(childPolicy, inner, errors) ?? ROUND_ROBIN;
  if (choice.subsets !== undefined) {
    const reason = "Subset cannot stand here: put RandomSubsetting into its subset_lb_policy";
    errors.push({ path: inner, message: reason });
  }
  const size = Math.min(subsetSize ?? 1, choice.subsetSize ?? Number.POSITIVE_INFINITY);
  return { ...choice, subsetSize: size };
}

function legacyChoice(cluster: Cluster, errors: FieldError[]): Choice {
  const policy = legacyPolicy(cluster, errors);
  const isHashing = policy.kind === "ring-hash" || policy.kind === "maglev";
  const { lbSubsetConfig } = cluster;
  return {
    policy,
    locality: legacyLocality(cluster.commonLbConfig, isHashing, errors),
    subsets:
      lbSubsetConfig === undefined
        ? undefined
        : compileSubsets(lbSubsetConfig, "lb_subset_config", errors),
    subsetSize: undefined,
  };
}

function legacyPolicy(cluster: Cluster, errors: FieldError[]): BalancerPolicy {
  const { lbConfig } = cluster;
  const consistentHashingLbConfig = cluster.commonLbConfig?.consistentHashingLbConfig;
  switch (cluster.lbPolicy) {
    case LbPolicy.LEAST_REQUEST: {
      const settings = lbConfig.case === "leastRequestLbConfig" ? lbConfig.value : {};
      return leastRequest(settings, "least_request_lb_config", errors);
    }
    case LbPolicy.RANDOM:
      return { kind: "random" };
    case LbPolicy.RING_HASH: {
      const settings = lbConfig.case === "ringHashLbConfig" ? lbConfig.value : {};
      const isMurmur = lbConfig.case === "ringHashLbConfig" && lbConfig.value.hashFunction === 1;
      const message = { ...settings, hashFunction: isMurmur ? 2 : 1, consistentHashingLbConfig };
      return ringHash(message, "ring_hash_lb_config", errors);
    }
    case LbPolicy.MAGLEV: {
      const settings = lbConfig.case === "maglevLbConfig" ? lbConfig.value : {};
      return maglev({ ...settings, consistentHashingLbConfig }, "maglev_lb_config", errors);
    }
    case LbPolicy.ROUND_ROBIN:
      return { kind: "round-robin" };
    case LbPolicy.CLUSTER_PROVIDED:
      if (cluster.clusterDiscoveryType.case === "clusterType") return { kind: "round-robin" };
      errors.push({
        path: "lb_policy",
        message: "CLUSTER_PROVIDED is for clusters with cluster_type",
      });
      return { kind: "round-robin" };
    default:
      errors.push({
        path: "lb_policy",
        message: `${LbPolicy[cluster.lbPolicy]} is not implemented; use ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH, MAGLEV`,
      });
      return { kind: "round-robin" };
  }
}

/** Envoy refuses both at once, too: it could not say which holds. */
function refuseOlderFields(cluster: Cluster, errors: FieldError[]): void {
  const message = "cannot stand beside load_balancing_policy: its policies have the same settings";
  if (cluster.lbSubsetConfig !== undefined) errors.push({ path: "lb_subset_config", message });
  const common = cluster.commonLbConfig;
  if (common?.consistentHashingLbConfig !== undefined) {
    errors.push({ path: "common_lb_config.consistent_hashing_lb_config", message });
  }
  switch (common?.localityConfigSpecifier.case) {
    case "zoneAwareLbConfig":
      errors.push({ path: "common_lb_config.zone_aware_lb_config", message });
      break;
    case "localityWeightedLbConfig":
      errors.push({ path: "common_lb_config.locality_weighted_lb_config", message });
      break;
    default:
      break;
  }
}
