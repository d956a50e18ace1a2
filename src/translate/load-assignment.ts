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
import { type ZonePlace, zonePlaces } from "./locality-plan.ts";
import type { IndexedPort } from "./mesh-index.ts";
import type { MeshInstanceHealth } from "./mesh-snapshot.ts";
import { resourceOf, socketAddress } from "./message.ts";
import { compareText } from "./names.ts";
import type { Target } from "./target.ts";
import type { TrafficSettings } from "./traffic-settings.ts";
import type { XdsResource } from "./translation.ts";
import { workloadIdentity } from "./workload-identity.ts";

/** Who looks at the endpoints. */
export interface AssignmentView {
  readonly settings: TrafficSettings;
  /** Of the callers; undefined where it makes no difference. */
  readonly callerZone: string | undefined;
}

/**
 * Instances that nobody can reach are listed too, marked unhealthy: their connections are cut only when
 * they are removed. A Service without instances gets an empty assignment, which ends a proxy's waiting.
 */
export function loadAssignment(port: IndexedPort, view: AssignmentView): XdsResource {
  const byZone = new Map<string, LbEndpoint[]>();
  for (const target of port.targets) {
    const zone = byZone.get(target.instance.zone);
    const endpoint = lbEndpoint(target, view);
    if (zone === undefined) byZone.set(target.instance.zone, [endpoint]);
    else zone.push(endpoint);
  }
  const zones = [...byZone.keys()].sort(compareText);
  const { locality: settings } = view.settings.loadBalancer;
  const { callerZone } = view;
  const places = callerZone === undefined ? undefined : zonePlaces(settings, callerZone, zones);
  const endpoints = zones.map((zone) =>
    locality(zone, byZone.get(zone) ?? [], places?.get(zone) ?? EQUAL),
  );
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: port.name,
    endpoints,
    ...(places === undefined && view.settings.failover === undefined
      ? {}
      : { policy: { overprovisioningFactor: settings.overprovisioningFactor } }),
  });
  return resourceOf(ClusterLoadAssignmentSchema, port.name, message);
}

const EQUAL: ZonePlace = { priority: 0, weight: undefined };

/** The weight makes the share of a zone its share of instances. gRPC skips a zone without a weight (gRFC A27). */
function locality(
  zone: string,
  lbEndpoints: LbEndpoint[],
  { priority, weight }: ZonePlace,
): LocalityLbEndpoints {
  return create(LocalityLbEndpointsSchema, {
    locality: { zone },
    lbEndpoints,
    loadBalancingWeight: weight ?? lbEndpoints.length,
    priority,
  });
}

function lbEndpoint(target: Target, { settings }: AssignmentView): LbEndpoint {
  const { instance } = target;
  const hasSubset = settings.loadBalancer.subset !== undefined;
  const weight = instance.weight > 1 ? instance.weight : undefined;
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: "endpoint",
      value: { address: socketAddress(instance.address, target.endpointPort) },
    },
    healthStatus: healthStatus(instance.health),
    metadata: {
      filterMetadata: {
        istio: { workload: workloadIdentity(instance) },
        // Where Envoy's subset load balancer looks.
        ...(hasSubset ? { "envoy.lb": sortedLabels(instance.labels) } : {}),
      },
    },
    ...(weight === undefined ? {} : { loadBalancingWeight: weight }),
  });
}

function sortedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compareText(a, b)));
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
