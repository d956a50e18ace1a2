/**
 * The file that a sidecar starts from: Envoy's v3 `Bootstrap` message in JSON, with what only the starter
 * knows: who the instance is, where its admin server listens, where the control plane is.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readVersion } from "../read-version.ts";
import type { ControlPlaneRef } from "./control-plane-ref.ts";
import type { ProxySpec } from "./instance-spec.ts";
import { inboundPort, type LoopbackBlock, SIDECAR_ADMIN_PORT } from "./loopback-block.ts";
import { APP_HOST } from "./port-spec.ts";

const XDS_CLUSTER = "xds-grpc";
const TYPE_PREFIX = "type.googleapis.com/envoy.extensions";

export interface BootstrapInput {
  readonly spec: ProxySpec;
  readonly block: LoopbackBlock;
  readonly controlPlane: ControlPlaneRef;
  /** Holds the pid of the app's first process while it runs. */
  readonly appPidFile?: string | undefined;
}

/** Writes `bootstrap.json` into `folder`, readable by its owner only, and returns its path. */
export async function writeBootstrapFile(folder: string, input: BootstrapInput): Promise<string> {
  const file = join(folder, "bootstrap.json");
  await writeFile(file, `${JSON.stringify(bootstrapOf(input), null, 2)}\n`, { mode: 0o600 });
  return file;
}

/** The message, as protobuf JSON. */
export function bootstrapOf(input: BootstrapInput): Readonly<Record<string, unknown>> {
  const { spec, block, controlPlane } = input;
  const ads = { ads: {}, resource_api_version: "V3" };
  return {
    node: {
      id: spec.name,
      cluster: spec.service,
      ...(spec.zone === "" ? {} : { locality: { zone: spec.zone } }),
      metadata: nodeMetadata(input),
      user_agent_name: "tulle",
      user_agent_version: readVersion(),
    },
    admin: { address: socketAddress(block.address, SIDECAR_ADMIN_PORT) },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    // Metrics go where the configuration comes from.
    stats_sinks: [
      {
        name: "envoy.stat_sinks.open_telemetry",
        typed_config: {
          "@type": `${TYPE_PREFIX}.stat_sinks.open_telemetry.v3.SinkConfig`,
          grpc_service: { envoy_grpc: { cluster_name: XDS_CLUSTER } },
        },
      },
    ],
    static_resources: { clusters: [xdsCluster(controlPlane)] },
  };
}

function nodeMetadata({
  spec,
  block,
  appPidFile,
}: BootstrapInput): Readonly<Record<string, unknown>> {
  return {
    NAMESPACE: spec.namespace,
    SERVICE_ACCOUNT: spec.serviceAccount,
    SERVICE: spec.service,
    LABELS: spec.labels,
    ADDRESS: spec.address ?? block.address,
    PORTS: spec.ports.map(({ name, port, protocol }, index) => ({
      name,
      port,
      inbound_port: inboundPort(index),
      protocol,
    })),
    LOOPBACK_BLOCK: block.cidr,
    ...(appPidFile === undefined ? {} : { APP_PID_FILE: appPidFile }),
    ...(spec.appMetrics === undefined
      ? {}
      : { APP_METRICS: `${APP_HOST}:${spec.appMetrics.port}${spec.appMetrics.path}` }),
    ADMIN_ADDRESS: `${block.address}:${SIDECAR_ADMIN_PORT}`,
    ...(spec.gateway === undefined
      ? { ROLE: "sidecar" }
      : { ROLE: "gateway", GATEWAY: spec.gateway }),
  };
}

function xdsCluster(controlPlane: ControlPlaneRef): Readonly<Record<string, unknown>> {
  const { host, port } = controlPlane.xds;
  return {
    name: XDS_CLUSTER,
    type: "STATIC",
    connect_timeout: "5s",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": `${TYPE_PREFIX}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": `${TYPE_PREFIX}.transport_sockets.tls.v3.UpstreamTlsContext`,
        common_tls_context: {},
      },
    },
    load_assignment: {
      cluster_name: XDS_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
  };
}

function socketAddress(address: string, port: number): Readonly<Record<string, unknown>> {
  return { socket_address: { address, port_value: port } };
}
