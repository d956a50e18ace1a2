/** Envoy's SlowStartConfig compiled, wherever a cluster has it. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { LeastRequestSchema } from "../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RoundRobinSchema } from "../../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";

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

export function compileSlowStart(
  cluster: Cluster,
  errors: FieldError[],
): SlowStartSettings | undefined {
  for (const [index, policy] of (cluster.loadBalancingPolicy?.policies ?? []).entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const found = anyUnpack(any, LeastRequestSchema) ?? anyUnpack(any, RoundRobinSchema);
    if (found === undefined) continue;
    const at = `load_balancing_policy.policies[${index}].typed_extension_config.typed_config`;
    return compile(found.slowStartConfig, `${at}.slow_start_config`, errors);
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
