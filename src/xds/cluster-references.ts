/**
 * What each cluster needs before Envoy finishes warming it: its ClusterLoadAssignment and its secrets.
 * Read out of the encoded Cluster once per resource, and remembered for all proxies.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TransportSocket } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type CommonTlsContext,
  UpstreamTlsContextSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { EncodedResource, ResourceMap } from "./snapshot.ts";

export interface ClusterReferences {
  /** Name of the ClusterLoadAssignment; undefined when the cluster does not use EDS. */
  readonly endpoints: string | undefined;
  readonly secrets: readonly string[];
}

const NO_REFERENCES: ClusterReferences = { endpoints: undefined, secrets: [] };

export class ClusterReferenceIndex {
  readonly #byCluster = new WeakMap<EncodedResource, ClusterReferences>();
  readonly #endpointNames = new WeakMap<ResourceMap, ReadonlySet<string>>();

  of(cluster: EncodedResource): ClusterReferences {
    const cached = this.#byCluster.get(cluster);
    if (cached !== undefined) return cached;
    const references = readReferences(cluster.bytes);
    this.#byCluster.set(cluster, references);
    return references;
  }

  /** Names of all the ClusterLoadAssignments that these clusters wait for. */
  endpointNames(clusters: ResourceMap): ReadonlySet<string> {
    const cached = this.#endpointNames.get(clusters);
    if (cached !== undefined) return cached;
    const names = new Set<string>();
    for (const cluster of clusters.values()) {
      const { endpoints } = this.of(cluster);
      if (endpoints !== undefined) names.add(endpoints);
    }
    this.#endpointNames.set(clusters, names);
    return names;
  }
}

function readReferences(bytes: Uint8Array): ClusterReferences {
  let cluster: Cluster;
  try {
    cluster = fromBinary(ClusterSchema, bytes);
  } catch {
    // The proxy will say what is wrong with it; nobody waits for what it might have named.
    return NO_REFERENCES;
  }
  const usesEds =
    cluster.clusterDiscoveryType.case === "type" &&
    cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
  const sockets = [
    cluster.transportSocket,
    ...cluster.transportSocketMatches.map((match) => match.transportSocket),
  ];
  return {
    // An empty service_name means the cluster's own name (cluster.proto, EdsClusterConfig).
    endpoints: usesEds ? cluster.edsClusterConfig?.serviceName || cluster.name : undefined,
    secrets: [...new Set(sockets.flatMap(secretNames))],
  };
}

function secretNames(socket: TransportSocket | undefined): string[] {
  if (socket?.configType.case !== "typedConfig") return [];
  const context = anyUnpack(socket.configType.value, UpstreamTlsContextSchema)?.commonTlsContext;
  return context === undefined ? [] : contextSecretNames(context);
}

function contextSecretNames(context: CommonTlsContext): string[] {
  const certificates = context.tlsCertificateSdsSecretConfigs;
  const validation = context.validationContextType;
  switch (validation.case) {
    case "validationContextSdsSecretConfig":
      return [...certificates, validation.value].map((secret) => secret.name);
    case "combinedValidationContext": {
      const combined = validation.value.validationContextSdsSecretConfig;
      return [...certificates, ...(combined ? [combined] : [])].map((secret) => secret.name);
    }
    default:
      return certificates.map((secret) => secret.name);
  }
}
