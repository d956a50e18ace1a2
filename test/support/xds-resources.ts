/** Small real resources for tests of the xDS protocol. `variant` makes two of one name differ. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TransportSocketSchema } from "../../src/gen/envoy/config/core/v3/base_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { UpstreamTlsContextSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { type EncodedResource, encodedResource } from "../../src/xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";

/** A cluster that gets its endpoints from EDS under its own name. */
export function edsCluster(name: string, variant = 1): EncodedResource {
  const cluster = create(ClusterSchema, {
    name,
    connectTimeout: { seconds: BigInt(variant) },
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: { configSourceSpecifier: { case: "ads", value: {} }, resourceApiVersion: 2 },
    },
  });
  return encodedResource({
    typeUrl: CLUSTER_TYPE_URL,
    name,
    bytes: toBinary(ClusterSchema, cluster),
  });
}

/** The same with mutual TLS: its own certificate from secret `default`, the roots from secret `ROOTCA`. */
export function tlsCluster(name: string, variant = 1): EncodedResource {
  const sdsConfig = {
    configSourceSpecifier: { case: "ads", value: {} },
    resourceApiVersion: 2,
  } as const;
  const context = create(UpstreamTlsContextSchema, {
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [{ name: "default", sdsConfig }],
      validationContextType: {
        case: "combinedValidationContext",
        value: { validationContextSdsSecretConfig: { name: "ROOTCA", sdsConfig } },
      },
    },
  });
  const cluster = fromBinary(ClusterSchema, edsCluster(name, variant).bytes);
  cluster.transportSocket = create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: anyPack(UpstreamTlsContextSchema, context) },
  });
  return encodedResource({
    typeUrl: CLUSTER_TYPE_URL,
    name,
    bytes: toBinary(ClusterSchema, cluster),
  });
}

export function assignment(name: string, port = 1): EncodedResource {
  const socketAddress = {
    address: "127.0.0.1",
    portSpecifier: { case: "portValue", value: port },
  } as const;
  const endpoint = {
    address: { address: { case: "socketAddress", value: socketAddress } },
  } as const;
  const lbEndpoints = [{ hostIdentifier: { case: "endpoint", value: endpoint } }] as const;
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [{ lbEndpoints: [...lbEndpoints] }],
  });
  return encodedResource({
    typeUrl: ENDPOINT_TYPE_URL,
    name,
    bytes: toBinary(ClusterLoadAssignmentSchema, message),
  });
}

export function listener(name: string, variant = 1): EncodedResource {
  const message = create(ListenerSchema, { name, statPrefix: `variant-${variant}` });
  return encodedResource({
    typeUrl: LISTENER_TYPE_URL,
    name,
    bytes: toBinary(ListenerSchema, message),
  });
}

/** A route configuration that sends everything to one cluster. */
export function routeTo(name: string, cluster: string, virtualHost = "all"): EncodedResource {
  const message = create(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: virtualHost,
        domains: ["*"],
        routes: [
          {
            match: { pathSpecifier: { case: "prefix", value: "/" } },
            action: {
              case: "route",
              value: { clusterSpecifier: { case: "cluster", value: cluster } },
            },
          },
        ],
      },
    ],
  });
  return encodedResource({
    typeUrl: ROUTE_TYPE_URL,
    name,
    bytes: toBinary(RouteConfigurationSchema, message),
  });
}

export function secret(name: string, text = "pem"): EncodedResource {
  const trustedCa = { specifier: { case: "inlineString", value: text } } as const;
  const message = create(SecretSchema, {
    name,
    type: { case: "validationContext", value: { trustedCa } },
  });
  return encodedResource({
    typeUrl: SECRET_TYPE_URL,
    name,
    bytes: toBinary(SecretSchema, message),
  });
}
