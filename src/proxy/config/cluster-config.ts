/** A Cluster message compiled: everything that is known before its endpoints are. */
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ServiceLabels } from "../../telemetry/request-metrics.ts";
import type { TcpKeepalive } from "../dialer.ts";
import type { EndpointInfo } from "../endpoint.ts";
import type { HealthSettings } from "../health/cluster-health.ts";
import { compileAggregate } from "./aggregate-config.ts";
import { type BalancerConfig, compileBalancer } from "./balancer-config.ts";
import { type CircuitConfig, compileCircuits } from "./circuit-config.ts";
import { compileDns, type DnsSettings } from "./dns-config.ts";
import { compileEndpoints } from "./endpoint-config.ts";
import { compileHealth } from "./health-config.ts";
import { serviceLabels } from "./metadata-labels.ts";
import { compileTcpKeepalive } from "./tcp-keepalive-config.ts";
import { compileTransportSocket, type TlsSettings } from "./tls-settings.ts";
import { compileUpstreamHttp, type UpstreamHttpConfig } from "./upstream-http-config.ts";
import { type ProxyHeaderVersion, unwrapProxyProtocol } from "./upstream-proxy-protocol.ts";

export interface ClusterConfig extends CircuitConfig {
  readonly name: string;
  /** The EDS resource with its endpoints, or "" when they are contained. */
  readonly endpointsName: string;
  readonly endpoints: readonly EndpointInfo[];
  /** Set where endpoints are names: those of `namedEndpoints`, whose `host` may be a name. */
  readonly dns: DnsSettings | undefined;
  readonly namedEndpoints: readonly EndpointInfo[];
  readonly connectTimeoutMs: number;
  readonly balancer: BalancerConfig;
  /** Of an aggregate cluster: those behind each other that it stands for. */
  readonly members: readonly string[] | undefined;
  readonly panicThreshold: number;
  readonly tls: TlsSettings | undefined;
  /** What connections begin with. */
  readonly proxyHeader: ProxyHeaderVersion;
  readonly tcpKeepalive: TcpKeepalive | undefined;
  readonly service: ServiceLabels;
  readonly http: UpstreamHttpConfig;
  /** Undefined where nothing watches endpoints but discovery. */
  readonly healthSettings: HealthSettings | undefined;
}

/** Envoy's default, percent. */
const PANIC_THRESHOLD_PERCENT = 50;

export function compileCluster(cluster: Cluster, errors: FieldError[]): ClusterConfig {
  if (cluster.name === "") errors.push({ path: "name", message: "a name is required" });
  const isEds = isEdsCluster(cluster, errors);
  const { loadAssignment } = cluster;
  const dns = compileDns(cluster, errors);
  const contained =
    isEds || loadAssignment === undefined
      ? []
      : compileEndpoints(loadAssignment, "load_assignment.", errors, dns !== undefined);
  const socket = unwrapProxyProtocol(cluster.transportSocket, "transport_socket", errors);
  const tls = compileTransportSocket(socket.inner, "client", socket.path, errors);
  const http = compileUpstreamHttp(cluster, tls, errors);
  return {
    name: cluster.name,
    endpointsName: isEds ? cluster.edsClusterConfig?.serviceName || cluster.name : "",
    endpoints: dns === undefined ? contained : [],
    dns,
    namedEndpoints: dns === undefined ? [] : contained,
    connectTimeoutMs: connectTimeout(cluster, errors),
    balancer: compileBalancer(cluster, errors),
    members: compileAggregate(cluster, errors),
    ...compileCircuits(cluster, errors),
    panicThreshold: panicThreshold(cluster, errors),
    tls,
    proxyHeader: socket.proxyHeader,
    tcpKeepalive: compileTcpKeepalive(cluster, errors),
    service: serviceLabels(cluster.metadata?.filterMetadata["istio"]),
    http,
    healthSettings: compileHealth(cluster, http.protocol, errors),
  };
}

function isEdsCluster(cluster: Cluster, errors: FieldError[]): boolean {
  const type = cluster.clusterDiscoveryType;
  const isEds = type.case === "type" && type.value === DiscoveryType.EDS;
  if (type.case === "type" && type.value === DiscoveryType.ORIGINAL_DST) {
    errors.push({
      path: "type",
      message: "only STATIC, STRICT_DNS, LOGICAL_DNS and EDS are implemented",
    });
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
