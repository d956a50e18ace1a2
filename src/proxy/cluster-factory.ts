/** Builds clusters from their compiled configuration, and gives them endpoints. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import { AggregateHosts } from "./aggregate-hosts.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterCounts } from "./cluster-counts.ts";
import { createHostSet } from "./cluster-hosts.ts";
import type { ClusterConfig } from "./config/cluster-config.ts";
import { createDialer } from "./dialer.ts";
import { Endpoint, type EndpointInfo } from "./endpoint.ts";
import type { EndpointServices } from "./endpoint-services.ts";
import { ClusterHealth } from "./health/cluster-health.ts";
import type { CheckServices } from "./health/health-checker.ts";
import { HealthCounts } from "./health/health-counts.ts";
import type { ClusterHosts } from "./host-set.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { LocalZones } from "./load-balancer/zone-aware.ts";
import type { SecretStore } from "./secret-store.ts";
import type { TlsMetrics } from "./tls-metrics.ts";
import { upstreamConnectionsOf } from "./upstream-codec.ts";
import { UpstreamTls } from "./upstream-tls.ts";

export interface ClusterFactoryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly timers: ProxyTimers;
  readonly secrets: SecretStore;
  readonly faults: CallbackFaults;
  readonly tlsMetrics: TlsMetrics;
  /** By name, as they are at each time: for aggregates. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** Where callers are, when that is known. */
  readonly localZones: () => LocalZones | undefined;
}

export class ClusterFactory {
  readonly #options: ClusterFactoryOptions;
  readonly #services = new WeakMap<Cluster, EndpointServices>();

  constructor(options: ClusterFactoryOptions) {
    this.#options = options;
  }

  /** Both counts go on from a cluster that this one replaces. */
  create(config: ClusterConfig, counts: ClusterCounts, healthCounts = new HealthCounts()): Cluster {
    const { timers, secrets, nowMs, wallMs, faults, prng } = this.#options;
    const onHandshake = (isResumed: boolean): void =>
      this.#options.tlsMetrics.onUpstream(config.name, isResumed);
    const tls =
      config.tls === undefined
        ? undefined
        : new UpstreamTls(config.tls, secrets, wallMs, onHandshake);
    const dialer = createDialer({
      connectTimeoutMs: config.connectTimeoutMs,
      timers: timers.request,
      faults,
      tls,
      proxyHeader: config.proxyHeader,
      keepalive: config.tcpKeepalive,
    });
    const createConnection = upstreamConnectionsOf({
      faults,
      timers,
      prng,
      nowMs,
      http2: config.http.http2,
    });
    const isTls = tls !== undefined;
    const checkServices = { clusterName: config.name, isTls, dialer, createConnection, faults };
    const cluster: Cluster = new Cluster({
      name: config.name,
      service: config.service,
      limits: config.limits,
      urgentLimits: config.urgentLimits,
      hostConnectionsMax: config.hostConnectionsMax,
      streamDurationMs: config.http.streamDurationMs,
      counts,
      hosts: this.#createHosts(config, () => cluster.activeRequests),
      health: this.#createHealth(config, healthCounts, checkServices),
    });
    this.#services.set(cluster, {
      dialer,
      budget: cluster,
      nowMs,
      wallMs,
      timers,
      prng,
      faults,
      createConnection,
      http: config.http,
      rawAlpn: config.tls?.alpnProtocols ?? [],
    });
    this.setEndpoints(cluster, config.endpoints);
    return cluster;
  }

  #createHosts(config: ClusterConfig, activeRequests: () => number): ClusterHosts {
    const { clusters, prng, nowMs, localZones } = this.#options;
    const { balancer, panicThreshold, members } = config;
    if (members === undefined) {
      const inputs = { prng, nowMs, activeRequests, localZones };
      return createHostSet(balancer, panicThreshold, inputs);
    }
    const lookups = members.map((name) => () => clusters.get(name));
    return new AggregateHosts({ members: lookups, panicThreshold, prng });
  }

  #createHealth(
    { healthSettings }: ClusterConfig,
    counts: HealthCounts,
    services: CheckServices,
  ): ClusterHealth | undefined {
    if (healthSettings === undefined) return undefined;
    const { clock, prng, log } = this.#options;
    return new ClusterHealth({
      ...{ services, clock, prng },
      settings: healthSettings,
      counts,
      log: log.child("health"),
    });
  }

  /** Endpoints that stay keep their connections and averages; those that go finish what they carry. */
  setEndpoints(cluster: Cluster, infos: readonly EndpointInfo[]): void {
    const services = this.#services.get(cluster);
    if (services === undefined) throw new Error(`cluster ${cluster.name} was not made here`);
    const existing = new Map(cluster.endpoints.map((endpoint) => [endpoint.key, endpoint]));
    const endpoints = infos.map((info) => {
      const known = existing.get(`${info.host}:${info.port}`);
      if (known === undefined) return new Endpoint(info, services);
      existing.delete(known.key);
      known.update(info);
      return known;
    });
    cluster.setEndpoints(endpoints);
    for (const gone of existing.values()) gone.remove();
  }
}
