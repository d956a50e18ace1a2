/** The network filter that passes connections through, to one cluster or to several by weight. */
import { create } from "@bufbuild/protobuf";
import type { AccessLog } from "../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import {
  type TcpProxy,
  TcpProxy_WeightedClusterSchema,
  TcpProxySchema,
} from "../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { type HashPolicy, HashPolicySchema } from "../gen/envoy/type/v3/hash_policy_pb.js";
import { SAFE_RETRY_COUNT } from "./defaults.ts";
import { duration, pack } from "./message.ts";
import type { TrafficSettings } from "./traffic-settings.ts";

/** A cluster and its share of the connections. One that does not exist has its share closed. */
export interface StreamBackend {
  readonly clusterName: string;
  /** At least 1. */
  readonly weight: number;
  /** Of its Service; absent where there is none. */
  readonly settings?: TrafficSettings | undefined;
}

export interface TcpProxyOptions {
  readonly statPrefix: string;
  /** Not empty. */
  readonly backends: readonly StreamBackend[];
  readonly idleTimeoutMs: number;
  readonly accessLog: readonly AccessLog[];
}

export function tcpProxy(options: TcpProxyOptions): Filter {
  const { statPrefix, backends, idleTimeoutMs, accessLog } = options;
  const proxy = create(TcpProxySchema, {
    statPrefix,
    clusterSpecifier: clusterSpecifier(backends),
    idleTimeout: duration(idleTimeoutMs),
    accessLog: [...accessLog],
    hashPolicy: hashPolicy(backends),
    // Another instance may take what one could not: nothing was sent yet.
    maxConnectAttempts: 1 + SAFE_RETRY_COUNT,
  });
  return create(FilterSchema, {
    name: "envoy.filters.network.tcp_proxy",
    configType: { case: "typedConfig", value: pack(TcpProxySchema, proxy) },
  });
}

/**
 * A connection has one thing to hash: the address of its client. As for requests, the first backend that hashes
 * decides, and load balancers that do not hash do not look.
 */
function hashPolicy(backends: readonly StreamBackend[]): HashPolicy[] {
  const hashing = backends.find(
    ({ settings }) =>
      settings?.loadBalancer.algorithm === "RingHash" ||
      settings?.loadBalancer.algorithm === "Maglev",
  );
  const keys = hashing?.settings?.loadBalancer.consistentHash ?? [];
  if (!keys.some(({ sourceAddress }) => sourceAddress === true)) return [];
  return [create(HashPolicySchema, { policySpecifier: { case: "sourceIp", value: {} } })];
}

function clusterSpecifier(backends: readonly StreamBackend[]): TcpProxy["clusterSpecifier"] {
  const [first, ...others] = backends;
  if (first !== undefined && others.length === 0) {
    return { case: "cluster", value: first.clusterName };
  }
  const clusters = backends.map(({ clusterName, weight }) => ({ name: clusterName, weight }));
  return {
    case: "weightedClusters",
    value: create(TcpProxy_WeightedClusterSchema, { clusters }),
  };
}
