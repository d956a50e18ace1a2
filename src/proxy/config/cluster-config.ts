/** A Cluster message compiled: everything that is known before its endpoints are. */
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { RoutingPriority } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { ServiceLabels } from "../../telemetry/request-metrics.ts";
import type { CircuitLimits } from "../cluster.ts";
import type { EndpointInfo } from "../endpoint.ts";
import { type BalancerName, compileBalancer } from "./balancer-config.ts";
import { compileEndpoints } from "./endpoint-config.ts";
import { serviceLabels } from "./metadata-labels.ts";
import { compileTransportSocket, type TlsSettings } from "./tls-settings.ts";
import { compileUpstreamHttp, type UpstreamHttpConfig } from "./upstream-http-config.ts";
import { type ProxyHeaderVersion, unwrapProxyProtocol } from "./upstream-proxy-protocol.ts";

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
  /** What connections begin with. */
  readonly proxyHeader: ProxyHeaderVersion;
  readonly service: ServiceLabels;
  readonly http: UpstreamHttpConfig;
}

/** Envoy's default for each circuit breaker. */
const CIRCUIT_LIMIT = 1024;
/** Envoy's default for retries at the same time. */
const RETRIES_LIMIT = 3;
/** Envoy's default, percent. */
const PANIC_THRESHOLD_PERCENT = 50;

export function compileCluster(cluster: Cluster, errors: FieldError[]): ClusterConfig {
  if (cluster.name === "") errors.push({ path: "name", message: "a name is required" });
  const isEds = isEdsCluster(cluster, errors);
  const { loadAssignment } = cluster;
  const socket = unwrapProxyProtocol(cluster.transportSocket, "transport_socket", errors);
  const tls = compileTransportSocket(socket.inner, "client", socket.path, errors);
  return {
    name: cluster.name,
    endpointsName: isEds ? cluster.edsClusterConfig?.serviceName || cluster.name : "",
    endpoints:
      isEds || loadAssignment === undefined
        ? []
        : compileEndpoints(loadAssignment, "load_assignment.", errors),
    connectTimeoutMs: connectTimeout(cluster, errors),
    balancer: compileBalancer(cluster, errors),
    limits: circuitLimits(cluster),
    panicThreshold: panicThreshold(cluster, errors),
    tls,
    proxyHeader: socket.proxyHeader,
    service: serviceLabels(cluster.metadata?.filterMetadata["istio"]),
    http: compileUpstreamHttp(cluster, tls, errors),
  };
}

function isEdsCluster(cluster: Cluster, errors: FieldError[]): boolean {
  const type = cluster.clusterDiscoveryType;
  const isEds = type.case === "type" && type.value === DiscoveryType.EDS;
  if (!isEds && type.case !== undefined && type.value !== DiscoveryType.STATIC) {
    errors.push({ path: "type", message: "only STATIC and EDS are implemented" });
  }
  if (isEds && cluster.edsClusterConfig?.edsConfig === undefined) {
    errors.push({ path: "eds_cluster_config.eds_config", message: "is required for EDS" });
  }
  if (isEds && cluster.loadAssignment !== undefined) {
    errors.push({ path: "load_assignment", message: "EDS brings it: only for STATIC" });
  }
  if (!isEds && cluster.edsClusterConfig !== undefined) {
    errors.push({ path: "eds_cluster_config", message: "only for EDS" });
  }
  return isEds;
}

function connectTimeout(cluster: Cluster, errors: FieldError[]): number {
  const ms = compileDuration(cluster.connectTimeout, "connect_timeout", errors);
  if (ms === 0) errors.push({ path: "connect_timeout", message: "must be above 0" });
  return ms ?? CONNECT_TIMEOUT_MS;
}

function panicThreshold(cluster: Cluster, errors: FieldError[]): number {
  const percent = cluster.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT;
  if (!(percent >= 0 && percent <= 100)) {
    const path = "common_lb_config.healthy_panic_threshold.value";
    errors.push({ path, message: `${percent} is not from 0 to 100` });
  }
  return percent / 100;
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
