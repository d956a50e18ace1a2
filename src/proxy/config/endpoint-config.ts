/** A ClusterLoadAssignment compiled to a flat list of endpoints. */

import type { FieldError } from "../../decision/field-error.ts";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.js";
import type { LbEndpoint } from "../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type { ClusterLoadAssignment } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { EndpointInfo } from "../endpoint.ts";
import { compileAddress } from "./address.ts";
import { workloadLabels } from "./metadata-labels.ts";

export function compileEndpoints(
  assignment: ClusterLoadAssignment,
  path: string,
  errors: FieldError[],
): readonly EndpointInfo[] {
  const seen = new Set<string>();
  return assignment.endpoints.flatMap((locality, localityIndex) =>
    locality.lbEndpoints.flatMap((endpoint, index) => {
      const at = `${path}endpoints[${localityIndex}].lb_endpoints[${index}]`;
      const info = compileEndpoint(
        endpoint,
        locality.priority,
        locality.locality?.zone ?? "",
        at,
        errors,
      );
      if (info === undefined) return [];
      const key = `${info.host}:${info.port}`;
      if (seen.has(key)) errors.push({ path: at, message: `${key} stands in two places` });
      seen.add(key);
      return [info];
    }),
  );
}

function compileEndpoint(
  endpoint: LbEndpoint,
  priority: number,
  zone: string,
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
    ...compileAddress(identifier.value.address, `${path}.endpoint.address`, errors),
    weight,
    priority,
    zone,
    isHealthy:
      endpoint.healthStatus === HealthStatus.HEALTHY ||
      endpoint.healthStatus === HealthStatus.UNKNOWN ||
      endpoint.healthStatus === HealthStatus.DEGRADED,
    workload: workloadLabels(endpoint.metadata?.filterMetadata["istio"]),
  };
}
