/** Clusters of the services that count global limits: the control plane itself, by mutual TLS, and services of others. */
import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TransportSocket } from "../../gen/envoy/config/core/v3/base_pb.js";
import type {
  RateLimitPolicy,
  RateLimitPolicySpec,
} from "../../resource/kinds/rate-limit-policy.ts";
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
import { originateTls, upstreamTls } from "../transport-socket.ts";
import { http2, httpOptions } from "../upstream-http.ts";

/**
 * Of the control plane, or of a service of one's own, which policies share that speak to it without TLS. Calls of gRPC
 * name the cluster as their authority, where servers take no other characters than those of hosts.
 */
export function rateLimitClusterName({ metadata, spec }: RateLimitPolicy): string {
  const service = spec.global?.service;
  if (service?.tls !== undefined) return `rate-limit.${metadata.name}.${metadata.namespace}`;
  return `rate-limit.${service?.address ?? CONTROL_PLANE}`;
}

const CONTROL_PLANE = "control-plane";

/** Those that policies name. */
export function rateLimitClusters(snapshot: MeshSnapshot): readonly XdsResource[] {
  const policies = snapshot.rateLimitPolicies.filter(({ spec }) => spec.global !== undefined);
  const own = policies.filter(({ spec }) => spec.global?.service !== undefined);
  const byName = new Map(own.map((policy) => [rateLimitClusterName(policy), policy]));
  const clusters = [...byName]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, { spec }]) => ownService(name, spec.global?.service));
  if (policies.length === own.length) return clusters;
  return [controlPlaneCluster(snapshot, `rate-limit.${CONTROL_PLANE}`), ...clusters];
}

/** The control plane itself, by mutual TLS; without an endpoint where its address is not known. */
export function controlPlaneCluster(
  { controlPlaneAddress = "", trustDomain }: MeshSnapshot,
  name: string,
): XdsResource {
  const spiffeIds = [controlPlaneSpiffeId(trustDomain)];
  const transportSocket = upstreamTls({ sni: "", alpn: ["h2"], spiffeIds });
  return clusterOf({ address: controlPlaneAddress, name, transportSocket, isOurs: true });
}

function ownService(
  name: string,
  service: NonNullable<RateLimitPolicySpec["global"]>["service"],
): XdsResource {
  const { address = "", tls } = service ?? {};
  if (tls === undefined) return clusterOf({ address, name });
  const sni = tls.sni ?? splitAddress(address).host;
  const transportSocket = originateTls({
    sni,
    alpn: ["h2"],
    dnsNames: tls.subjectAltNames ?? [sni],
    caCertificates: tls.caCertificates,
  });
  return clusterOf({ address, name, transportSocket });
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, Math.max(0, colon)).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}

interface ServiceCluster {
  readonly name: string;
  /** `host:port`; empty for none: whoever asks gets no answer. */
  readonly address: string;
  readonly transportSocket?: TransportSocket;
  /** The control plane. */
  readonly isOurs?: boolean;
}

/**
 * A connection to a control plane that is lost without a word would fail every question. Servers of gRPC that are not
 * ours may take PINGs for an attack.
 */
const KEEPALIVE = {
  interval: duration(MESH_KEEPALIVE_INTERVAL_MS),
  timeout: duration(MESH_KEEPALIVE_TIMEOUT_MS),
};

function clusterOf({ name, address, transportSocket, isOurs }: ServiceCluster): XdsResource {
  const { host, port } = splitAddress(address);
  const isNamed = host !== "" && isIP(host) === 0;
  const endpoint = { address: socketAddress(host, port) };
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
      http2(isOurs === true ? { connectionKeepalive: KEEPALIVE } : {}),
    ),
    ...(transportSocket === undefined ? {} : { transportSocket }),
  });
  return resourceOf(ClusterSchema, name, message);
}
