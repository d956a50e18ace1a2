/** A ClusterLoadAssignment compiled to a flat list of endpoints. */

import type { FieldError } from "../../decision/field-error.ts";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.js";
import type {
  Endpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from "../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type {
  ClusterLoadAssignment,
  ClusterLoadAssignment_Policy,
} from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { EndpointInfo } from "../endpoint.ts";
import { type HostLocality, OVERPROVISIONING_PERCENT } from "../load-balancer/host.ts";
import { compileAddress, compileNamedAddress } from "./address.ts";
import { workloadLabels } from "./metadata-labels.ts";

export function compileEndpoints(
  assignment: ClusterLoadAssignment,
  path: string,
  errors: FieldError[],
  /** Whether an address may be a name that is still to be resolved. */
  mayBeNames = false,
): readonly EndpointInfo[] {
  const seen = new Set<string>();
  return assignment.endpoints.flatMap((group, groupIndex) => {
    const placement: Placement = {
      priority: group.priority,
      zone: group.locality?.zone ?? "",
      locality: compileLocality(group, assignment.policy),
    };
    return group.lbEndpoints.flatMap((endpoint, index) => {
      const at = `${path}endpoints[${groupIndex}].lb_endpoints[${index}]`;
      const info = compileEndpoint(endpoint, { ...placement, mayBeNames }, at, errors);
      if (info === undefined) return [];
      const key = `${info.host}:${info.port}`;
      if (seen.has(key)) errors.push({ path: at, message: `${key} stands in two places` });
      seen.add(key);
      return [info];
    });
  });
}

type Placement = Pick<EndpointInfo, "priority" | "zone" | "locality">;

function compileLocality(
  group: LocalityLbEndpoints,
  policy: ClusterLoadAssignment_Policy | undefined,
): HostLocality {
  const { region = "", zone = "", subZone = "" } = group.locality ?? {};
  return {
    key: `${region}/${zone}/${subZone}`,
    weight: group.loadBalancingWeight ?? 0,
    overprovisioning: policy?.overprovisioningFactor ?? OVERPROVISIONING_PERCENT,
    isHealthWeighted: policy?.weightedPriorityHealth ?? false,
  };
}

function compileEndpoint(
  endpoint: LbEndpoint,
  { mayBeNames, ...placement }: Placement & { readonly mayBeNames: boolean },
  path: string,
  errors: FieldError[],
): EndpointInfo | undefined {
  const identifier = endpoint.hostIdentifier;
  if (identifier.case !== "endpoint") {
    errors.push({ path, message: "endpoint is required" });
    return undefined;
  }
  const weight = endpoint.loadBalancingWeight ?? 1;
  if (weight < 1) {
    errors.push({ path: `${path}.load_balancing_weight`, message: "the least weight is 1" });
  }
  return {
    ...(mayBeNames ? compileNamedAddress : compileAddress)(
      identifier.value.address,
      `${path}.endpoint.address`,
      errors,
    ),
    ...placement,
    weight,
    hostname: identifier.value.hostname,
    labels: endpoint.metadata?.filterMetadata["envoy.lb"],
    isDegraded: endpoint.healthStatus === HealthStatus.DEGRADED,
    isDraining: endpoint.healthStatus === HealthStatus.DRAINING,
    isHealthy:
      endpoint.healthStatus === HealthStatus.HEALTHY ||
      endpoint.healthStatus === HealthStatus.UNKNOWN ||
      endpoint.healthStatus === HealthStatus.DEGRADED,
    workload: workloadLabels(endpoint.metadata?.filterMetadata["istio"]),
    ...checkInfo(identifier.value, `${path}.endpoint.health_check_config`, errors),
  };
}

/** Nothing for endpoints that are checked as their cluster says. */
function checkInfo(
  { healthCheckConfig: config }: Endpoint,
  path: string,
  errors: FieldError[],
): Pick<EndpointInfo, "healthCheck"> {
  if (config === undefined) return {};
  const { portValue: port, hostname, disableActiveHealthCheck: isDisabled } = config;
  if (port > 65_535) errors.push({ path: `${path}.port_value`, message: `${port} is not a port` });
  return { healthCheck: { port, hostname, isDisabled } };
}
