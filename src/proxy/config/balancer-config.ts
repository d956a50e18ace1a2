/** Which load balancer a Cluster message asks for. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { LeastRequestSchema } from "../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";

export type BalancerName = "round-robin" | "least-request" | "random" | "peak-ewma";

const BALANCER_BY_TYPE: Readonly<Record<string, BalancerName>> = {
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin": "round-robin",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest": "least-request",
  "envoy.extensions.load_balancing_policies.random.v3.Random": "random",
  "envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma": "peak-ewma",
};

/** The endpoints that least request compares. */
const CHOICES = 2;

/** The first policy of the list that is implemented, as the message asks, else the older enumeration. */
export function compileBalancer(cluster: Cluster, errors: FieldError[]): BalancerName {
  const policies = cluster.loadBalancingPolicy?.policies ?? [];
  for (const [index, policy] of policies.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const at = `load_balancing_policy.policies[${index}].typed_extension_config.typed_config`;
    const wrapped = anyUnpack(any, TypedStructSchema);
    const typeUrl = wrapped?.typeUrl ?? any.typeUrl;
    const balancer = BALANCER_BY_TYPE[typeUrl.slice(typeUrl.lastIndexOf("/") + 1)];
    if (balancer === undefined) continue;
    for (const key of Object.keys(wrapped?.value ?? {})) {
      errors.push({ path: `${at}.value.${key}`, message: "not implemented by this proxy" });
    }
    const choices = anyUnpack(any, LeastRequestSchema)?.choiceCount ?? CHOICES;
    if (choices !== CHOICES) {
      errors.push({ path: `${at}.choice_count`, message: `only ${CHOICES} is implemented` });
    }
    return balancer;
  }
  if (cluster.loadBalancingPolicy !== undefined) {
    const message = `none of the policies is implemented; use ${Object.keys(BALANCER_BY_TYPE).join(", ")}`;
    errors.push({ path: "load_balancing_policy.policies", message });
  }
  switch (cluster.lbPolicy) {
    case LbPolicy.LEAST_REQUEST:
      return "least-request";
    case LbPolicy.RANDOM:
      return "random";
    case LbPolicy.ROUND_ROBIN:
      return "round-robin";
    default:
      errors.push({
        path: "lb_policy",
        message: `${LbPolicy[cluster.lbPolicy]} is not implemented; use ROUND_ROBIN, LEAST_REQUEST, RANDOM`,
      });
      return "round-robin";
  }
}
