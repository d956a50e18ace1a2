/** How a registered instance is written down: a Workload object that the control plane owns. Pure. */
import type { ObjectOf } from "../resource/kind-map.ts";
import type { WorkloadHealth } from "../resource/kinds/workload.ts";
import type { Instance, InstanceDescription, InstanceHealth } from "./instance.ts";

/** The service that the sidecar named. */
const SERVICE_ANNOTATION = "mesh.tulle.dev/service";

/** Whether the registry wrote it. */
export function isRegistered(workload: ObjectOf<"Workload">): boolean {
  return workload.status?.registered === true;
}

export function workloadFromInstance(instance: Instance): ObjectOf<"Workload"> {
  const { description } = instance;
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Workload",
    metadata: {
      name: description.name,
      namespace: description.namespace,
      labels: description.labels,
      annotations: { [SERVICE_ANNOTATION]: description.service },
    },
    spec: {
      address: description.address,
      serviceAccount: description.serviceAccount,
      zone: description.zone,
      ports: description.ports.map((port) => ({
        ...(port.name === "" ? {} : { name: port.name }),
        port: port.port,
        inboundPort: port.inboundPort,
        protocol: port.protocol,
      })),
    },
    status: {
      health: workloadHealth(instance),
      registered: true,
      ...(instance.isInMaintenance ? { maintenance: true } : {}),
    },
  };
}

/** What `workloadFromInstance` wrote, read back. A port without a sidecar's listener cannot be its work. */
export function descriptionFromWorkload(workload: ObjectOf<"Workload">): InstanceDescription {
  const { metadata, spec } = workload;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    service: metadata.annotations[SERVICE_ANNOTATION] ?? spec.serviceAccount,
    serviceAccount: spec.serviceAccount,
    labels: metadata.labels,
    zone: spec.zone,
    address: spec.address,
    ports: spec.ports.flatMap((port) =>
      port.inboundPort === undefined
        ? []
        : [
            {
              name: port.name ?? "",
              port: port.port,
              inboundPort: port.inboundPort,
              protocol: port.protocol,
            },
          ],
    ),
  };
}

export function instanceHealth(health: WorkloadHealth | undefined): InstanceHealth | undefined {
  switch (health) {
    case "Healthy":
      return "healthy";
    case "Unhealthy":
      return "unhealthy";
    case "Draining":
      return "draining";
    default:
      return undefined;
  }
}

/** What a later control plane needs to know: whether the instance served when this one was last alive. */
function workloadHealth(instance: Instance): WorkloadHealth {
  if (instance.state === "suspect") return "Unhealthy";
  switch (instance.health) {
    case "healthy":
      return "Healthy";
    case "unhealthy":
      return "Unhealthy";
    case "draining":
      return "Draining";
    default:
      return "Unknown";
  }
}
