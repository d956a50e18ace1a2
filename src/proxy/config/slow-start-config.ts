/** Envoy's SlowStartConfig compiled, wherever a cluster has it. */
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { anyUnpack, type Duration } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster, LoadBalancingPolicy } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { SlowStartConfigSchema } from "../../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import { LeastRequestSchema } from "../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RoundRobinSchema } from "../../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { SubsetSchema } from "../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { WrrLocalitySchema } from "../../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { randomSubsettingOf } from "./random-subsetting-config.ts";

export interface SlowStartSettings {
  readonly windowMs: number;
  /** 1: the weight grows evenly; above 1 it grows faster at first. */
  readonly aggression: number;
  /** The least part of the weight. */
  readonly factorMin: number;
}

/** The two messages of this name are alike. */
interface SlowStartMessage {
  readonly slowStartWindow?: Duration | undefined;
  readonly aggression?: { readonly defaultValue: number } | undefined;
  readonly minWeightPercent?: { readonly value: number } | undefined;
}

const FACTOR_PERCENT = 10;
/** Policies that know no slow start: where one is in force, those behind it are not. */
const WITHOUT = /\.(Random|RingHash|Maglev)$/;

export function compileSlowStart(
  cluster: Cluster,
  errors: FieldError[],
): SlowStartSettings | undefined {
  if (cluster.loadBalancingPolicy !== undefined) {
    return ofPolicies(cluster.loadBalancingPolicy, "load_balancing_policy", errors);
  }
  const { lbConfig } = cluster;
  switch (lbConfig.case) {
    case "roundRobinLbConfig":
      return compile(
        lbConfig.value.slowStartConfig,
        "round_robin_lb_config.slow_start_config",
        errors,
      );
    case "leastRequestLbConfig":
      return compile(
        lbConfig.value.slowStartConfig,
        "least_request_lb_config.slow_start_config",
        errors,
      );
    default:
      return undefined;
  }
}

/** That of the first policy that this proxy has, however deep it stands. */
function ofPolicies(
  { policies }: LoadBalancingPolicy,
  path: string,
  errors: FieldError[],
): SlowStartSettings | undefined {
  for (const [index, policy] of policies.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const at = `${path}.policies[${index}].typed_extension_config.typed_config`;
    const plain = anyUnpack(any, LeastRequestSchema) ?? anyUnpack(any, RoundRobinSchema);
    if (plain !== undefined) {
      return compile(plain.slowStartConfig, `${at}.slow_start_config`, errors);
    }
    if (WITHOUT.test(any.typeUrl)) return undefined;
    const struct = anyUnpack(any, TypedStructSchema);
    if (struct?.typeUrl.endsWith(".PeakEwma")) {
      const value = struct.value?.["slow_start_config"];
      return ofJson(value, `${at}.value.slow_start_config`, errors);
    }
    const subset = anyUnpack(any, SubsetSchema)?.subsetLbPolicy;
    if (subset !== undefined) return ofPolicies(subset, `${at}.subset_lb_policy`, errors);
    // What is wrong with it is told where the policy itself is read.
    const part = randomSubsettingOf(any, at, []);
    const child = part?.message.childPolicy;
    if (part !== undefined && child !== undefined) {
      return ofPolicies(child, `${part.path}.child_policy`, errors);
    }
    const zones = anyUnpack(any, WrrLocalitySchema)?.endpointPickingPolicy;
    if (zones !== undefined) return ofPolicies(zones, `${at}.endpoint_picking_policy`, errors);
  }
  return undefined;
}

/** Of a policy that has no message: the JSON of Envoy's. */
function ofJson(
  value: JsonValue | undefined,
  path: string,
  errors: FieldError[],
): SlowStartSettings | undefined {
  if (value === undefined) return undefined;
  try {
    return compile(fromJson(SlowStartConfigSchema, value), path, errors);
  } catch (error) {
    errors.push({ path, message: messageOf(error) });
    return undefined;
  }
}

function compile(
  message: SlowStartMessage | undefined,
  path: string,
  errors: FieldError[],
): SlowStartSettings | undefined {
  if (message === undefined) return undefined;
  const windowMs = compileDuration(message.slowStartWindow, `${path}.slow_start_window`, errors);
  if (windowMs === undefined || windowMs === 0) {
    errors.push({ path: `${path}.slow_start_window`, message: "must be above 0" });
  }
  const aggression = message.aggression?.defaultValue ?? 1;
  if (!(aggression > 0)) {
    errors.push({ path: `${path}.aggression.default_value`, message: "must be above 0" });
  }
  const percent = message.minWeightPercent?.value ?? FACTOR_PERCENT;
  if (!(percent >= 0 && percent <= 100)) {
    const text = `${percent} is not from 0 to 100`;
    errors.push({ path: `${path}.min_weight_percent.value`, message: text });
  }
  return { windowMs: windowMs ?? 1, aggression, factorMin: percent / 100 };
}
