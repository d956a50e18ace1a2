/** A Cluster message compiled: everything that is known before its endpoints are. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import { durationMs } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_LbPolicy as LbPolicy,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { RoutingPriority } from "../../gen/envoy/config/core/v3/base_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import type { ServiceLabels } from "../../telemetry/request-metrics.ts";
import type { CircuitLimits } from "../cluster.ts";
import type { EndpointInfo } from "../endpoint.ts";
import { compileEndpoints } from "./endpoint-config.ts";
import { serviceLabels } from "./metadata-labels.ts";
import { compileTransportSocket, type TlsSettings } from "./tls-settings.ts";

export type BalancerName = "round-robin" | "least-request" | "random" | "peak-ewma";

export interface ClusterConfig {
  readonly name: string;
  /** The EDS resource with its endpoints, or "" when they are contained. */
  readonly endpointsName: string;
  readonly endpoints: readonly EndpointInfo[];
  readonly connectTimeoutMs: number;
  readonly balancer: BalancerName;
  readonly limits: CircuitLimits;
  readonly panicThreshold: number;
  readonly tls: TlsSettings | undefined;
  readonly service: ServiceLabels;
  /** 0 when the cluster sets none. */
  readonly idleTimeoutMs: number;
}

/** Envoy's default for each circuit breaker. */
const CIRCUIT_LIMIT = 1024;
/** Envoy's default for retries at the same time. */
const RETRIES_LIMIT = 3;
/** Envoy's default, percent. */
const PANIC_THRESHOLD_PERCENT = 50;

export function compileCluster(cluster: Cluster, errors: FieldError[]): ClusterConfig {
  if (cluster.name === "") errors.push({ path: "name", message: "a name is required" });
  const type = cluster.clusterDiscoveryType;
  const isEds = type.case === "type" && type.value === DiscoveryType.EDS;
  if (!isEds && type.case !== undefined && type.value !== DiscoveryType.STATIC) {
    errors.push({ path: "type", message: "only STATIC and EDS are implemented" });
  }
  return {
    name: cluster.name,
    endpointsName: isEds ? cluster.edsClusterConfig?.serviceName || cluster.name : "",
    endpoints:
      isEds || cluster.loadAssignment === undefined
        ? []
        : compileEndpoints(cluster.loadAssignment, "load_assignment.", errors),
    connectTimeoutMs:
      cluster.connectTimeout === undefined
        ? CONNECT_TIMEOUT_MS
        : durationMs(cluster.connectTimeout),
    balancer: balancerOf(cluster, errors),
    limits: circuitLimits(cluster),
    panicThreshold:
      (cluster.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT) / 100,
    tls: compileTransportSocket(cluster.transportSocket, "client", "transport_socket", errors),
    service: serviceLabels(cluster.metadata?.filterMetadata["istio"]),
    idleTimeoutMs: httpOptions(cluster, errors),
  };
}

const BALANCER_BY_TYPE: Readonly<Record<string, BalancerName>> = {
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin": "round-robin",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest": "least-request",
  "envoy.extensions.load_balancing_policies.random.v3.Random": "random",
  "envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma": "peak-ewma",
};

/** The first policy of the list that is implemented, as the message asks, else the older enumeration. */
function balancerOf(cluster: Cluster, errors: FieldError[]): BalancerName {
  const policies = cluster.loadBalancingPolicy?.policies ?? [];
  for (const policy of policies) {
    const any = policy.typedExtensionConfig?.typedConfig;
    if (any === undefined) continue;
    const wrapped = anyUnpack(any, TypedStructSchema);
    const typeUrl = wrapped?.typeUrl ?? any.typeUrl;
    const balancer = BALANCER_BY_TYPE[typeUrl.slice(typeUrl.lastIndexOf("/") + 1)];
    if (balancer !== undefined) return balancer;
  }
  if (policies.length > 0) {
    errors.push({ path: "load_balancing_policy", message: "none of the policies is implemented" });
  }
  switch (cluster.lbPolicy) {
    case LbPolicy.LEAST_REQUEST:
      return "least-request";
    case LbPolicy.RANDOM:
      return "random";
    case LbPolicy.ROUND_ROBIN:
      return "round-robin";
    default:
      errors.push({
        path: "lb_policy",
        message: `${LbPolicy[cluster.lbPolicy]} is not implemented`,
      });
      return "round-robin";
  }
}

function circuitLimits(cluster: Cluster): CircuitLimits {
  const thresholds = cluster.circuitBreakers?.thresholds.find(
    (candidate) => candidate.priority === RoutingPriority.DEFAULT,
  );
  return {
    connectionsMax: thresholds?.maxConnections ?? CIRCUIT_LIMIT,
    pendingMax: thresholds?.maxPendingRequests ?? CIRCUIT_LIMIT,
    requestsMax: thresholds?.maxRequests ?? CIRCUIT_LIMIT,
    retriesMax: thresholds?.maxRetries ?? RETRIES_LIMIT,
  };
}

/** Returns the idle limit of its connections in milliseconds, 0 when none is set. */
function httpOptions(cluster: Cluster, errors: FieldError[]): number {
  const options = Object.entries(cluster.typedExtensionProtocolOptions);
  for (const [key, any] of options) {
    const http = anyUnpack(any, HttpProtocolOptionsSchema);
    if (http === undefined) {
      const path = `typed_extension_protocol_options[${JSON.stringify(key)}]`;
      errors.push({ path, message: `${any.typeUrl} is not implemented` });
      continue;
    }
    const explicit = http.upstreamProtocolOptions;
    const protocol =
      explicit.case === "explicitHttpConfig" ? explicit.value.protocolConfig.case : undefined;
    if (protocol === "http2ProtocolOptions") {
      const path = `typed_extension_protocol_options[${JSON.stringify(key)}].explicit_http_config.http2_protocol_options`;
      errors.push({
        path,
        message: "HTTP/2 is implemented only for the connection to the control plane",
      });
    }
    const idle = http.commonHttpProtocolOptions?.idleTimeout;
    if (idle !== undefined) return durationMs(idle);
  }
  return 0;
}
