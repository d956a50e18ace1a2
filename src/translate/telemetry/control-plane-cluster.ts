/** The cluster over which sidecars send logs and spans to the control plane: gRPC by mutual TLS. */
import { controlPlaneCluster } from "../filters/rate-limit-service-cluster.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import type { XdsResource } from "../translation.ts";

/** Also what Envoy calls the server: it takes the cluster's name for the authority. */
export const TELEMETRY_CLUSTER = "telemetry.control-plane";

/** Whether the control plane can be told of requests and their spans. */
export function hasTelemetryReceiver({ controlPlaneAddress = "" }: MeshSnapshot): boolean {
  return controlPlaneAddress !== "";
}

export function telemetryClusters(snapshot: MeshSnapshot): readonly XdsResource[] {
  return hasTelemetryReceiver(snapshot) ? [controlPlaneCluster(snapshot, TELEMETRY_CLUSTER)] : [];
}
