/** A TcpProxy filter compiled: where the connections of a filter chain go and how long they may be idle. */

import { TCP_IDLE_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { compileTcpHashPolicy, type TcpHashPolicy } from "../../decision/tcp-hash-policy.ts";
import { type ClusterSplit, singleCluster } from "../../decision/weighted-clusters.ts";
import type {
  TcpProxy,
  TcpProxy_WeightedCluster,
} from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { type AccessLogConfig, compileAccessLogs } from "../access-log/access-log-config.ts";

export interface TcpProxyConfig {
  readonly statPrefix: string;
  readonly clusters: ClusterSplit;
  readonly hashPolicy: TcpHashPolicy | undefined;
  /** Milliseconds without a byte in either direction, 0 for no limit. */
  readonly idleTimeoutMs: number;
  readonly connectAttemptsMax: number;
  readonly accessLogs: readonly AccessLogConfig[];
}

/** The sum of weights has 32 bits, in Envoy too. */
const WEIGHTS_TOTAL_MAX = 0xffff_ffff;

export function compileTcpProxy(
  proxy: TcpProxy,
  path: string,
  errors: FieldError[],
): TcpProxyConfig {
  if (proxy.statPrefix === "") {
    errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  }
  if (proxy.maxConnectAttempts === 0) {
    errors.push({ path: `${path}.max_connect_attempts`, message: "must be at least 1" });
  }
  return {
    statPrefix: proxy.statPrefix,
    clusters: clustersOf(proxy, path, errors),
    hashPolicy: compileTcpHashPolicy(proxy.hashPolicy, `${path}.hash_policy`, errors),
    idleTimeoutMs:
      compileDuration(proxy.idleTimeout, `${path}.idle_timeout`, errors) ?? TCP_IDLE_TIMEOUT_MS,
    connectAttemptsMax: proxy.maxConnectAttempts ?? 1,
    accessLogs: compileAccessLogs(proxy.accessLog, `${path}.access_log`, errors).logs,
  };
}

function clustersOf(proxy: TcpProxy, path: string, errors: FieldError[]): ClusterSplit {
  const specifier = proxy.clusterSpecifier;
  switch (specifier.case) {
    case "weightedClusters":
      return weightedClusters(specifier.value, `${path}.weighted_clusters`, errors);
    case "cluster":
      if (specifier.value === "") {
        errors.push({ path: `${path}.cluster`, message: "a cluster name is required" });
      }
      return singleCluster(specifier.value);
    default:
      errors.push({ path, message: "one of cluster, weighted_clusters is required" });
      return singleCluster("");
  }
}

function weightedClusters(
  weighted: TcpProxy_WeightedCluster,
  path: string,
  errors: FieldError[],
): ClusterSplit {
  if (weighted.clusters.length === 0) {
    errors.push({ path: `${path}.clusters`, message: "at least one is required" });
  }
  let total = 0;
  for (const [index, { name, weight }] of weighted.clusters.entries()) {
    const at = `${path}.clusters[${index}]`;
    if (name === "") errors.push({ path: `${at}.name`, message: "a cluster name is required" });
    if (weight === 0) errors.push({ path: `${at}.weight`, message: "must be at least 1" });
    total += weight;
  }
  if (total > WEIGHTS_TOTAL_MAX) {
    const message = `the weights add up to ${total}, ${WEIGHTS_TOTAL_MAX} is the most`;
    errors.push({ path, message });
  }
  const choices = weighted.clusters.flatMap(({ name, weight }) =>
    singleCluster(name).choices.map((choice) => ({ ...choice, weight })),
  );
  return { choices, total, randomHeader: "", isByHash: false };
}
