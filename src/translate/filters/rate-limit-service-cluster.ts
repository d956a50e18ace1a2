/** Clusters of the services that count global limits: the control plane itself, by mutual TLS, and services of others. */
import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { unlimitedCircuitBreakers } from "../circuit-breakers.ts";
import {
  MESH_KEEPALIVE_INTERVAL_MS,
  MESH_KEEPALIVE_TIMEOUT_MS,
  RATE_LIMIT_CONNECT_TIMEOUT_MS,
  RATE_LIMIT_IDLE_TIMEOUT_MS,
} from "../defaults.ts";
import { onlyEndpoint } from "../load-balancing-policy.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { duration, resourceOf, socketAddress } from "../message.ts";
import { compareText, controlPlaneSpiffeId } from "../names.ts";
import type { XdsResource } from "../translation.ts";
import { upstreamTls } from "../transport-socket.ts";
import { http2, httpOptions } from "../upstream-http.ts";

/**
 * `address` is that of a service of one's own; undefined for the control plane. Calls of gRPC name the cluster as their
 * authority, where servers take no other characters than those of hosts.
 */
export function rateLimitClusterName(address: string | undefined): string {
  return `rate-limit.${address ?? "control-plane"}`;
}

/** Those that policies name. */
export function rateLimitClusters(snapshot: MeshSnapshot): readonly XdsResource[] {
  const { controlPlaneAddress = "" } = snapshot;
  const limits = snapshot.rateLimitPolicies.flatMap(({ spec }) => spec.global ?? []);
  const named = limits.flatMap(({ service }) => service?.address ?? []);
  const clusters = [...new Set(named)]
    .sort(compareText)
    .map((address) => clusterOf({ address, name: rateLimitClusterName(address) }));
  if (limits.length === named.length) return clusters;
  const name = rateLimitClusterName(undefined);
  const spiffeIds = [controlPlaneSpiffeId(snapshot.trustDomain)];
  const transportSocket = upstreamTls({ sni: "", alpn: ["h2"], spiffeIds });
  return [clusterOf({ address: controlPlaneAddress, name, transportSocket }), ...clusters];
}

interface ServiceCluster {
  readonly name: string;
  /** `host:port`; empty for none: whoever asks gets no answer. */
  readonly address: string;
  readonly transportSocket?: ReturnType<typeof upstreamTls>;
}

/**
 * A connection to a control plane that is lost without a word would fail every question. Servers of gRPC that are not
 * ours may take PINGs for an attack.
 */
const KEEPALIVE = {
  interval: duration(MESH_KEEPALIVE_INTERVAL_MS),
  timeout: duration(MESH_KEEPALIVE_TIMEOUT_MS),
};

function clusterOf({ name, address, transportSocket }: ServiceCluster): XdsResource {
  const isOurs = transportSocket !== undefined;
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, Math.max(0, colon)).replace(/^\[|\]$/g, "");
  const isNamed = host !== "" && isIP(host) === 0;
  const endpoint = { address: socketAddress(host, Number(address.slice(colon + 1))) };
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: {
      case: "type",
      value: isNamed ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    loadAssignment: {
      clusterName: name,
      endpoints:
        host === ""
          ? []
          : [{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: endpoint } }] }],
    },
    connectTimeout: duration(RATE_LIMIT_CONNECT_TIMEOUT_MS),
    loadBalancingPolicy: onlyEndpoint(),
    circuitBreakers: unlimitedCircuitBreakers(),
    typedExtensionProtocolOptions: httpOptions(
      RATE_LIMIT_IDLE_TIMEOUT_MS,
      http2(isOurs ? { connectionKeepalive: KEEPALIVE } : {}),
    ),
    ...(isOurs ? { transportSocket } : {}),
  });
  return resourceOf(ClusterSchema, name, message);
}
