/** Clusters of hosts outside the mesh: their addresses or names, and TLS where sidecars speak it for their apps. */
import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
} from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TransportSocket } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  type LbEndpoint,
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { durationMs } from "../resource/duration.ts";
import {
  type ExternalService,
  type ExternalServiceEndpoint,
  type ExternalServiceSpec,
  endpointsOf,
  namedHost,
} from "../resource/kinds/external-service.ts";
import type { ClusterInit } from "./cluster-init.ts";
import type { IndexedPort } from "./mesh-index.ts";
import { duration, socketAddress } from "./message.ts";
import { compareText } from "./names.ts";
import { originateTls } from "./transport-socket.ts";

const FAMILY: Readonly<Record<ExternalServiceSpec["dns"]["family"], Cluster_DnsLookupFamily>> = {
  Auto: Cluster_DnsLookupFamily.AUTO,
  IPv4: Cluster_DnsLookupFamily.V4_ONLY,
  IPv6: Cluster_DnsLookupFamily.V6_ONLY,
  All: Cluster_DnsLookupFamily.ALL,
};

export interface ExternalClusterOptions {
  readonly name: string;
  /** Without what only the mesh speaks. */
  readonly isHttp: boolean;
}

/** Whether names must be resolved to reach it. */
export function hasNames(spec: ExternalServiceSpec): boolean {
  return endpointsOf(spec).some(({ address }) => isIP(address) === 0);
}

/** Endpoints and transport. */
export function externalClusterParts(
  { spec }: ExternalService,
  port: IndexedPort,
  { name, isHttp }: ExternalClusterOptions,
): ClusterInit {
  return {
    ...(hasNames(spec) ? resolution(spec) : STATIC),
    loadAssignment: create(ClusterLoadAssignmentSchema, {
      clusterName: name,
      endpoints: localities(spec, port),
    }),
    ...(spec.tls === undefined ? {} : { transportSocket: tlsOf(spec, spec.tls, { port, isHttp }) }),
  };
}

const STATIC: ClusterInit = {
  clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
};

function resolution({ resolution: kind, dns }: ExternalServiceSpec): ClusterInit {
  const refreshMs = durationMs(dns.refreshRate);
  return {
    clusterDiscoveryType: {
      case: "type",
      value:
        kind === "LogicalDNS"
          ? Cluster_DiscoveryType.LOGICAL_DNS
          : Cluster_DiscoveryType.STRICT_DNS,
    },
    dnsRefreshRate: duration(refreshMs),
    respectDnsTtl: dns.respectTtl,
    dnsLookupFamily: FAMILY[dns.family],
  };
}

function localities({ resolution: kind, ...spec }: ExternalServiceSpec, port: IndexedPort) {
  const byZone = new Map<string, LbEndpoint[]>();
  for (const endpoint of endpointsOf({ resolution: kind, ...spec })) {
    const list = byZone.get(endpoint.zone) ?? [];
    byZone.set(endpoint.zone, list);
    list.push(lbEndpoint(endpoint, port));
  }
  return [...byZone.entries()]
    .sort(([a], [b]) => compareText(a, b))
    .map(([zone, lbEndpoints]) =>
      create(LocalityLbEndpointsSchema, {
        locality: { zone },
        lbEndpoints,
        loadBalancingWeight: lbEndpoints.length,
      }),
    );
}

function lbEndpoint({ address, port: own, weight }: ExternalServiceEndpoint, port: IndexedPort) {
  const { targetPort, port: callersPort } = port.port;
  const endpointPort = own ?? (typeof targetPort === "number" ? targetPort : callersPort);
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: "endpoint",
      value: { address: socketAddress(address, endpointPort) },
    },
    ...(weight === 1 ? {} : { loadBalancingWeight: weight }),
  });
}

function tlsOf(
  spec: ExternalServiceSpec,
  tls: NonNullable<ExternalServiceSpec["tls"]>,
  { port, isHttp }: { readonly port: IndexedPort; readonly isHttp: boolean },
): TransportSocket {
  const sni = tls.sni ?? namedHost(spec) ?? "";
  const speaksHttp2 = port.protocol === "http2" || port.protocol === "grpc";
  return originateTls({
    sni,
    alpn: isHttp ? [speaksHttp2 ? "h2" : "http/1.1"] : [],
    dnsNames: tls.subjectAltNames ?? [sni],
    caCertificates: tls.caCertificates,
  });
}
