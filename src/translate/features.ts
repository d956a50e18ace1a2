/**
 * What translation may use of Envoy's vocabulary. Our sidecars learn it step by step; translation emits nothing
 * that they would refuse, and says by a finding what an author asked for and cannot have yet.
 */

export interface DataPlaneFeatures {
  /** What sidecars speak to each other: one request at a time, or HTTP/2 with many streams on a connection. */
  readonly meshHop: "http1" | "http2";
  /** Opaque TCP, TLS passed through, and detection: tcp_proxy, listener filters, several filter chains. */
  readonly streams: boolean;
  /** WebSocket, and extended CONNECT where HTTP/2 carries it. */
  readonly upgrades: boolean;
  /** `Cluster.outlier_detection`. */
  readonly outlierDetection: boolean;
  /** `Cluster.health_checks`: HTTP, gRPC and TCP. */
  readonly healthChecks: boolean;
  /** `Cluster.common_lb_config.healthy_panic_threshold` above 0. */
  readonly panicThreshold: boolean;
  /** `slow_start_config` of least request and round robin. */
  readonly slowStart: boolean;
  /** Ring hash, Maglev, and `RouteAction.hash_policy`. */
  readonly hashing: boolean;
  /** `LbEndpoint.load_balancing_weight`. */
  readonly endpointWeights: boolean;
  /** Priorities of localities, their weights (`locality_weighted_lb_config`) and the overprovisioning factor. */
  readonly localities: boolean;
  /** The subset load balancer. */
  readonly subsets: boolean;
  /** The stateful session filter, by cookie and by header. */
  readonly sessions: boolean;
  /** Of a retry policy: host predicates, `rate_limited_retry_back_off`, matchers of retriable headers by value. */
  readonly retryPolicies: boolean;
  /** `CircuitBreakers.Thresholds.retry_budget`. */
  readonly retryBudget: boolean;
  /** `RouteAction.hedge_policy.hedge_on_per_try_timeout`. */
  readonly hedging: boolean;
  /** Thresholds of circuit breakers below "no limit". */
  readonly circuitBreakers: boolean;
  /** Requests and age that end a connection to an instance, streams on it, TCP keep-alive. */
  readonly connectionPools: boolean;
  /** `RouteAction.max_stream_duration`, with deadlines of gRPC. */
  readonly streamDuration: boolean;
  /** Clusters of the type `envoy.clusters.aggregate`. */
  readonly aggregateClusters: boolean;
  /** Clusters that resolve names: STRICT_DNS and LOGICAL_DNS. */
  readonly dnsClusters: boolean;
  /** TLS to hosts outside the mesh: a CA of the author's or the system's, without a certificate of our own. */
  readonly tlsOrigination: boolean;
  /** A UDP listener with the DNS filter. */
  readonly dnsFilter: boolean;
}

/** What the sidecars of this release understand. */
export const SIDECAR_FEATURES: DataPlaneFeatures = {
  meshHop: "http2",
  streams: true,
  upgrades: true,
  outlierDetection: true,
  healthChecks: true,
  panicThreshold: true,
  slowStart: true,
  hashing: true,
  endpointWeights: true,
  localities: true,
  subsets: true,
  sessions: true,
  retryPolicies: true,
  retryBudget: true,
  hedging: true,
  circuitBreakers: true,
  connectionPools: true,
  streamDuration: true,
  aggregateClusters: true,
  dnsClusters: true,
  tlsOrigination: true,
  dnsFilter: true,
};

/** All that translation can say. A real Envoy takes it. */
export const ALL_FEATURES: DataPlaneFeatures = {
  meshHop: "http2",
  streams: true,
  upgrades: true,
  outlierDetection: true,
  healthChecks: true,
  panicThreshold: true,
  slowStart: true,
  hashing: true,
  endpointWeights: true,
  localities: true,
  subsets: true,
  sessions: true,
  retryPolicies: true,
  retryBudget: true,
  hedging: true,
  circuitBreakers: true,
  connectionPools: true,
  streamDuration: true,
  aggregateClusters: true,
  dnsClusters: true,
  tlsOrigination: true,
  dnsFilter: true,
};
