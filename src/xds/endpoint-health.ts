/** Health of endpoints as the health discovery service carries it (envoy/service/health/v3/hds.proto), in plain values. */
import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.js";
import {
  type EndpointHealth as EndpointHealthMessage,
  type EndpointHealthResponse,
  EndpointHealthSchema,
} from "../gen/envoy/service/health/v3/hds_pb.js";

export type Health = "healthy" | "unhealthy" | "draining";

export interface EndpointHealth {
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  readonly health: Health;
}

const STATUS_OF: Readonly<Record<Health, HealthStatus>> = {
  healthy: HealthStatus.HEALTHY,
  unhealthy: HealthStatus.UNHEALTHY,
  draining: HealthStatus.DRAINING,
};

export function toMessage(endpoint: EndpointHealth): EndpointHealthMessage {
  const { address, port, health } = endpoint;
  const portSpecifier = { case: "portValue", value: port } as const;
  const socketAddress = { address, portSpecifier };
  return create(EndpointHealthSchema, {
    endpoint: { address: { address: { case: "socketAddress", value: socketAddress } } },
    healthStatus: STATUS_OF[health],
  });
}

/** Every endpoint of a report whose health is known, from our clients and from Envoy's per-cluster form. */
export function fromResponse(response: EndpointHealthResponse): readonly EndpointHealth[] {
  const messages = [
    ...response.endpointsHealth,
    ...response.clusterEndpointsHealth.flatMap((cluster) =>
      cluster.localityEndpointsHealth.flatMap((locality) => locality.endpointsHealth),
    ),
  ];
  return messages.flatMap((message) => fromMessage(message) ?? []);
}

function fromMessage(message: EndpointHealthMessage): EndpointHealth | undefined {
  const address = message.endpoint?.address?.address;
  const health = healthOf(message.healthStatus);
  if (address?.case !== "socketAddress" || health === undefined) return undefined;
  const { portSpecifier } = address.value;
  if (portSpecifier.case !== "portValue") return undefined;
  return { address: address.value.address, port: portSpecifier.value, health };
}

function healthOf(status: HealthStatus): Health | undefined {
  switch (status) {
    case HealthStatus.HEALTHY:
    case HealthStatus.DEGRADED:
      return "healthy";
    case HealthStatus.UNHEALTHY:
    case HealthStatus.TIMEOUT:
      return "unhealthy";
    case HealthStatus.DRAINING:
      return "draining";
    default:
      return undefined;
  }
}
