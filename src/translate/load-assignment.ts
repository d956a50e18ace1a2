/** The endpoints of one Service port: its instances by zone, with their health and who they are. */
import { create } from "@bufbuild/protobuf";
import { assertNever } from "../core/assert.ts";
import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.js";
import {
  type LbEndpoint,
  LbEndpointSchema,
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from "../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { IndexedPort } from "./mesh-index.ts";
import type { MeshInstanceHealth } from "./mesh-snapshot.ts";
import { resourceOf, socketAddress } from "./message.ts";
import { compareText } from "./names.ts";
import type { Target } from "./target.ts";
import type { XdsResource } from "./translation.ts";
import { workloadIdentity } from "./workload-identity.ts";

/**
 * Instances that nobody can reach are listed too, marked unhealthy: their connections are cut only when
 * they are removed. A Service without instances gets an empty assignment, which ends a proxy's waiting.
 */
export function loadAssignment(port: IndexedPort): XdsResource {
  const byZone = new Map<string, LbEndpoint[]>();
  for (const target of port.targets) {
    const zone = byZone.get(target.instance.zone);
    if (zone === undefined) byZone.set(target.instance.zone, [lbEndpoint(target)]);
    else zone.push(lbEndpoint(target));
  }
  const endpoints = [...byZone.entries()]
    .sort(([a], [b]) => compareText(a, b))
    .map(([zone, lbEndpoints]) => locality(zone, lbEndpoints));
  const message = create(ClusterLoadAssignmentSchema, { clusterName: port.name, endpoints });
  return resourceOf(ClusterLoadAssignmentSchema, port.name, message);
}

/** The weight makes the share of a zone its share of instances. gRPC skips a zone without a weight (gRFC A27). */
function locality(zone: string, lbEndpoints: LbEndpoint[]): LocalityLbEndpoints {
  return create(LocalityLbEndpointsSchema, {
    locality: { zone },
    lbEndpoints,
    loadBalancingWeight: lbEndpoints.length,
  });
}

function lbEndpoint(target: Target): LbEndpoint {
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: "endpoint",
      value: { address: socketAddress(target.instance.address, target.endpointPort) },
    },
    healthStatus: healthStatus(target.instance.health),
    metadata: { filterMetadata: { istio: { workload: workloadIdentity(target.instance) } } },
  });
}

function healthStatus(health: MeshInstanceHealth): HealthStatus {
  switch (health) {
    case "healthy":
      return HealthStatus.HEALTHY;
    case "unhealthy":
      return HealthStatus.UNHEALTHY;
    case "draining":
      return HealthStatus.DRAINING;
    case "unknown":
      return HealthStatus.UNKNOWN;
    default:
      return assertNever(health, "health");
  }
}
