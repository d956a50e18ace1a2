/** The `stats_sinks` of a bootstrap file, of which OpenTelemetry's over gRPC is implemented. */
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { STATS_FLUSH_INTERVAL_MS } from "../../core/limits.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Bootstrap } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { GrpcService } from "../../gen/envoy/config/core/v3/grpc_service_pb.js";
import { SinkConfigSchema } from "../../gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.js";
import { compileAddress } from "../config/address.ts";

/** The name that Envoy knows the sink by. */
const SINK = "envoy.stat_sinks.open_telemetry";
/** Envoy's bounds of `stats_flush_interval`. */
const FLUSH_INTERVAL_MS_MIN = 1;
const FLUSH_INTERVAL_MS_MAX = 300_000;

export interface StatsSinksConfig {
  readonly intervalMs: number;
  readonly sinks: readonly StatsSink[];
}

export interface StatsSink {
  readonly clusterName: string;
  /** Of a collector without TLS, or undefined for the control plane, on the connection's mutual TLS. */
  readonly address: string | undefined;
}

/** `channel` is the cluster of the control plane, if there is one. */
export function compileStatsSinks(
  bootstrap: Bootstrap,
  channel: Cluster | undefined,
  errors: FieldError[],
): StatsSinksConfig {
  const interval = bootstrap.statsFlushInterval;
  const intervalMs = interval === undefined ? STATS_FLUSH_INTERVAL_MS : durationMs(interval);
  if (intervalMs < FLUSH_INTERVAL_MS_MIN || intervalMs > FLUSH_INTERVAL_MS_MAX) {
    errors.push({ path: "stats_flush_interval", message: "must be from 0.001s to 300s" });
  }
  const sinks: StatsSink[] = [];
  for (const [index, { name, configType }] of bootstrap.statsSinks.entries()) {
    const path = `stats_sinks[${index}]`;
    const config = configType.value && anyUnpack(configType.value, SinkConfigSchema);
    if (name !== SINK) {
      errors.push({ path: `${path}.name`, message: `only ${SINK} is implemented` });
    } else if (config === undefined) {
      const message = `must be ${SinkConfigSchema.typeName}`;
      errors.push({ path: `${path}.typed_config`, message });
    } else {
      const at = `${path}.typed_config.grpc_service`;
      const { case: kind, value } = config.protocolSpecifier;
      const service = kind === "grpcService" ? value : undefined;
      const sink = compileSink({ bootstrap, channel, service, path: at }, errors);
      if (sink !== undefined) sinks.push(sink);
    }
  }
  return { intervalMs, sinks };
}

interface SinkInput {
  readonly bootstrap: Bootstrap;
  readonly channel: Cluster | undefined;
  readonly service: GrpcService | undefined;
  readonly path: string;
}

function compileSink(
  { bootstrap, channel, service, path }: SinkInput,
  errors: FieldError[],
): StatsSink | undefined {
  if (service?.timeout !== undefined) {
    errors.push({ path: `${path}.timeout`, message: "is not implemented here" });
  }
  const target = service?.targetSpecifier;
  const clusterName = target?.case === "envoyGrpc" ? target.value.clusterName : "";
  if (target?.case === "envoyGrpc" && target.value.authority !== "") {
    errors.push({ path: `${path}.envoy_grpc.authority`, message: "is not implemented here" });
  }
  if (channel !== undefined && clusterName === channel.name) {
    return { clusterName, address: undefined };
  }
  const clusters = bootstrap.staticResources?.clusters ?? [];
  const cluster = clusters.find(({ name }) => name === clusterName);
  const at = `${path}.envoy_grpc.cluster_name`;
  if (cluster === undefined) {
    errors.push({ path: at, message: `"${clusterName}" is not one of static_resources.clusters` });
    return undefined;
  }
  if (cluster.transportSocket !== undefined) {
    const message = `"${clusterName}" has a transport_socket: metrics are pushed to the control plane's cluster, or without TLS`;
    errors.push({ path: at, message });
    return undefined;
  }
  const endpoint = cluster.loadAssignment?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
  const socket = endpoint?.case === "endpoint" ? endpoint.value.address : undefined;
  const { host, port } = compileAddress(socket, at, errors);
  return { clusterName, address: `${host.includes(":") ? `[${host}]` : host}:${port}` };
}
