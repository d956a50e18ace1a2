/**
 * Load balancing policies in order of preference: a proxy takes the first that it knows. Peak-EWMA is ours, and random
 * subsetting is gRPC's and ours; Envoy does not have them and goes on to the next in the list. Both go as a TypedStruct: of a
 * type that it does not know an Envoy could not print its configuration.
 */
import {
  create,
  createRegistry,
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import {
  type LoadBalancingPolicy,
  type LoadBalancingPolicy_Policy,
  LoadBalancingPolicy_PolicySchema,
  LoadBalancingPolicySchema,
} from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
  ConsistentHashingLbConfigSchema,
  LocalityLbConfigSchema,
  SlowStartConfigSchema,
} from "../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js";
import { LeastRequestSchema } from "../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { MaglevSchema } from "../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js";
import { RandomSchema } from "../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { RandomSubsettingSchema } from "../gen/envoy/extensions/load_balancing_policies/random_subsetting/v3/random_subsetting_pb.js";
import {
  RingHash_HashFunction,
  RingHashSchema,
} from "../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import { RoundRobinSchema } from "../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import {
  Subset_LbSubsetFallbackPolicy,
  Subset_LbSubsetSelector_LbSubsetSelectorFallbackPolicy,
  SubsetSchema,
} from "../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { TypedStructSchema } from "../gen/xds/type/v3/typed_struct_pb.js";
import { durationMs } from "../resource/duration.ts";
import type {
  LoadBalancerAlgorithm,
  LoadBalancerSettings,
} from "../resource/kinds/load-balancer-settings.ts";
import type { DeepReadonly } from "../resource/object.ts";
import { duration, pack, typeUrlOf } from "./message.ts";
import { compareText } from "./names.ts";

/** What the TypedStruct of peak-EWMA holds; no message of this type is generated. */
export const PEAK_EWMA_TYPE_URL =
  "type.googleapis.com/envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma";

type ExtensionKey = LoadBalancerAlgorithm | "Subset" | "RandomSubsetting";

const EXTENSION_NAME: Readonly<Record<ExtensionKey, string>> = {
  PeakEWMA: "envoy.load_balancing_policies.peak_ewma",
  LeastRequest: "envoy.load_balancing_policies.least_request",
  RoundRobin: "envoy.load_balancing_policies.round_robin",
  Random: "envoy.load_balancing_policies.random",
  RingHash: "envoy.load_balancing_policies.ring_hash",
  Maglev: "envoy.load_balancing_policies.maglev",
  Subset: "envoy.load_balancing_policies.subset",
  RandomSubsetting: "envoy.load_balancing_policies.random_subsetting",
};

type Settings = DeepReadonly<LoadBalancerSettings>;

/** What may stand below random subsetting. */
const CHILDREN = createRegistry(
  LeastRequestSchema,
  RandomSchema,
  RoundRobinSchema,
  TypedStructSchema,
);

/** For one endpoint, as the app beside a sidecar is: there is nothing to choose. */
export function onlyEndpoint(): LoadBalancingPolicy {
  return create(LoadBalancingPolicySchema, {
    policies: [policy("RoundRobin", RoundRobinSchema, {})],
  });
}

export function translateLoadBalancer(settings: Settings): LoadBalancingPolicy {
  const { subset } = settings;
  const policies = inSubsets(settings, policiesOf(settings.algorithm, settings));
  if (subset === undefined) return create(LoadBalancingPolicySchema, { policies });
  return create(LoadBalancingPolicySchema, { policies: [subsetPolicy(subset, policies)] });
}

/** Whether each caller uses a part of the instances: those that hash must all have the same before them. */
export function isSubsetted({ algorithm, subsetting }: Settings): boolean {
  return subsetting.size > 0 && algorithm !== "RingHash" && algorithm !== "Maglev";
}

function inSubsets(
  settings: Settings,
  policies: readonly LoadBalancingPolicy_Policy[],
): LoadBalancingPolicy_Policy[] {
  if (!isSubsetted(settings)) return [...policies];
  const part = create(RandomSubsettingSchema, {
    subsetSize: settings.subsetting.size,
    childPolicy: { policies: [...policies] },
  });
  const options = { registry: CHILDREN, useProtoFieldName: true };
  const struct = policy("RandomSubsetting", TypedStructSchema, {
    typeUrl: typeUrlOf(RandomSubsettingSchema),
    value: toJson(RandomSubsettingSchema, part, options) as JsonObject,
  });
  return [struct, ...policies];
}

function policiesOf(
  algorithm: LoadBalancerAlgorithm,
  settings: Settings,
): readonly LoadBalancingPolicy_Policy[] {
  const slowStartConfig = slowStart(settings);
  const shared = {
    ...(slowStartConfig === undefined ? {} : { slowStartConfig }),
    ...localityWeights(settings),
  };
  switch (algorithm) {
    case "PeakEWMA":
      return [
        policy(algorithm, TypedStructSchema, {
          typeUrl: PEAK_EWMA_TYPE_URL,
          value: peakEwma(settings),
        }),
        ...policiesOf("LeastRequest", settings),
      ];
    case "LeastRequest":
      return [policy(algorithm, LeastRequestSchema, shared)];
    case "RoundRobin":
      return [policy(algorithm, RoundRobinSchema, shared)];
    case "Random":
      return [policy(algorithm, RandomSchema, localityWeights(settings))];
    case "RingHash": {
      const { minimumRingSize, maximumRingSize } = settings.ringHash;
      return [
        policy(algorithm, RingHashSchema, {
          hashFunction: RingHash_HashFunction.XX_HASH,
          minimumRingSize: BigInt(minimumRingSize),
          maximumRingSize: BigInt(maximumRingSize),
          ...boundedLoad(settings),
          ...hashedLocalityWeights(settings),
        }),
      ];
    }
    case "Maglev":
      return [
        policy(algorithm, MaglevSchema, {
          tableSize: BigInt(settings.maglev.tableSize),
          ...boundedLoad(settings),
          ...hashedLocalityWeights(settings),
        }),
      ];
  }
}

type Init<Desc extends DescMessage> = Exclude<
  MessageInitShape<Desc>,
  { readonly $typeName: string }
>;

function slowStart({
  slowStart: { window, aggression, minimumWeight },
}: Settings): Init<typeof SlowStartConfigSchema> | undefined {
  const windowMs = durationMs(window);
  if (windowMs === 0) return undefined;
  return {
    slowStartWindow: duration(windowMs),
    // The key is a runtime variable, which nobody sets; Envoy asks for one.
    aggression: { defaultValue: aggression, runtimeKey: "tulle.slow_start.aggression" },
    minWeightPercent: { value: minimumWeight },
  };
}

/** The JSON of what has no message. */
function peakEwma(settings: Settings): JsonObject {
  const { window, aggression, minimumWeight } = settings.slowStart;
  const windowMs = durationMs(window);
  return {
    ...(windowMs === 0
      ? {}
      : {
          slow_start_config: {
            slow_start_window: `${windowMs / 1000}s`,
            aggression: { default_value: aggression },
            min_weight_percent: { value: minimumWeight },
          },
        }),
    ...(isWeighted(settings) ? { locality_lb_config: { locality_weighted_lb_config: {} } } : {}),
  };
}

/** Whether zones have weights that somebody wrote. */
function isWeighted({ locality }: Settings): boolean {
  return locality.distribute.length > 0;
}

function localityWeights(settings: Settings): {
  readonly localityLbConfig?: Init<typeof LocalityLbConfigSchema>;
} {
  if (!isWeighted(settings)) return {};
  const localityConfigSpecifier = { case: "localityWeightedLbConfig", value: {} } as const;
  return { localityLbConfig: { localityConfigSpecifier } };
}

function hashedLocalityWeights(settings: Settings) {
  return isWeighted(settings) ? { localityWeightedLbConfig: {} } : {};
}

function boundedLoad({ hashBalanceFactor }: Settings): {
  readonly consistentHashingLbConfig?: Init<typeof ConsistentHashingLbConfigSchema>;
} {
  return hashBalanceFactor === 0 ? {} : { consistentHashingLbConfig: { hashBalanceFactor } };
}

/** The labels stand in each endpoint's metadata `envoy.lb` (see `load-assignment.ts`). */
function subsetPolicy(
  { selector, fallback }: NonNullable<Settings["subset"]>,
  policies: LoadBalancingPolicy_Policy[],
): LoadBalancingPolicy_Policy {
  const entries = Object.entries(selector).sort(([a], [b]) => compareText(a, b));
  const keys = entries.map(([key]) => key);
  const Fallback = Subset_LbSubsetSelector_LbSubsetSelectorFallbackPolicy;
  return policy("Subset", SubsetSchema, {
    fallbackPolicy: Subset_LbSubsetFallbackPolicy.DEFAULT_SUBSET,
    defaultSubset: Object.fromEntries(entries),
    subsetSelectors: [{ keys, fallbackPolicy: Fallback.DEFAULT_SUBSET }],
    // Nobody healthy in the subset: any instance, or the request fails.
    panicModeAny: fallback === "AnyEndpoint",
    subsetLbPolicy: { policies },
  });
}

function policy<Desc extends DescMessage>(
  algorithm: ExtensionKey,
  schema: Desc,
  config: MessageInitShape<Desc>,
): LoadBalancingPolicy_Policy {
  return create(LoadBalancingPolicy_PolicySchema, {
    typedExtensionConfig: {
      name: EXTENSION_NAME[algorithm],
      typedConfig: pack(schema, create(schema, config)),
    },
  });
}
