/**
 * Load balancing policies in order of preference: a proxy takes the first that it knows. Peak-EWMA is ours;
 * Envoy does not have it and goes on to the next in the list.
 */
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type LoadBalancingPolicy,
  type LoadBalancingPolicy_Policy,
  LoadBalancingPolicy_PolicySchema,
  LoadBalancingPolicySchema,
} from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { LeastRequestSchema } from "../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RandomSchema } from "../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js";
import { RoundRobinSchema } from "../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { TypedStructSchema } from "../gen/xds/type/v3/typed_struct_pb.js";
import type { LoadBalancerAlgorithm } from "../resource/kinds/traffic-settings.ts";
import { pack } from "./message.ts";

/** What the TypedStruct of peak-EWMA holds; no message of this type is generated. */
export const PEAK_EWMA_TYPE_URL =
  "type.googleapis.com/envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma";

const EXTENSION_NAME: Readonly<Record<LoadBalancerAlgorithm, string>> = {
  PeakEWMA: "envoy.load_balancing_policies.peak_ewma",
  LeastRequest: "envoy.load_balancing_policies.least_request",
  RoundRobin: "envoy.load_balancing_policies.round_robin",
  Random: "envoy.load_balancing_policies.random",
};

export function translateLoadBalancer(algorithm: LoadBalancerAlgorithm): LoadBalancingPolicy {
  return create(LoadBalancingPolicySchema, { policies: [...policiesOf(algorithm)] });
}

function policiesOf(algorithm: LoadBalancerAlgorithm): readonly LoadBalancingPolicy_Policy[] {
  switch (algorithm) {
    case "PeakEWMA":
      return [
        policy(algorithm, TypedStructSchema, { typeUrl: PEAK_EWMA_TYPE_URL, value: {} }),
        ...policiesOf("LeastRequest"),
      ];
    case "LeastRequest":
      return [policy(algorithm, LeastRequestSchema, {})];
    case "RoundRobin":
      return [policy(algorithm, RoundRobinSchema, {})];
    case "Random":
      return [policy(algorithm, RandomSchema, {})];
  }
}

function policy<Desc extends DescMessage>(
  algorithm: LoadBalancerAlgorithm,
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
