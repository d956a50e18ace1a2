/** The SPIFFE id that a sidecar asks its control plane for: what its node says of itself. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import { type SpiffeId, type WorkloadIdentity, workloadSpiffeId } from "../identity/spiffe-id.ts";

const DEFAULT_NAMESPACE = "default";

/** Where the node names no service account, it has that of its service. */
export function ownIdentity(node: Node, trustDomain: string): WorkloadIdentity {
  return {
    trustDomain,
    namespace: textOf(node.metadata, "NAMESPACE") || DEFAULT_NAMESPACE,
    serviceAccount: textOf(node.metadata, "SERVICE_ACCOUNT") || node.cluster,
  };
}

export function ownSpiffeId(node: Node, trustDomain: string): SpiffeId {
  return workloadSpiffeId(ownIdentity(node, trustDomain));
}

/** "" where there is no such text. */
export function textOf(metadata: JsonObject | undefined, name: string): string {
  const value = metadata?.[name];
  return typeof value === "string" ? value : "";
}
