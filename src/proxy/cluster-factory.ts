/** Builds clusters from their compiled configuration, and gives them endpoints. */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { EndpointRank } from "../decision/load-balancing/endpoint-subset.ts";
import { AggregateHosts } from "./aggregate-hosts.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { Cluster, type ClusterSettings } from "./cluster.ts";
import { createClusterCounts } from "./cluster-counts.ts";
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
  /** This proxy's own order of endpoints. */
  readonly rank: EndpointRank;
}

/** What a cluster was made of. */
interface Made {
  readonly config: ClusterConfig;
  readonly services: EndpointServices;
  readonly checkServices: CheckServices;
}

export class ClusterFactory {
  readonly #options: ClusterFactoryOptions;
  readonly #made = new WeakMap<Cluster, Made>();

  constructor(options: ClusterFactoryOptions) {
    this.#options = options;
  }

  create(config: ClusterConfig): Cluster {
    const cluster: Cluster = new Cluster({
      name: config.name,
      counts: createClusterCounts(),
      ...settingsOf(config),
      hosts: this.#createHosts(config, () => cluster.activeRequests),
    });
    const made = this.#make(config, cluster);
    this.#made.set(cluster, made);
    this.#watch(cluster, made);
    this.setEndpoints(cluster, config.endpoints);
    return cluster;
  }

  /**
   * The same cluster with another configuration. Endpoints that stay keep what is known of them, and their connections
   * where these are made in the same way; those that are discovered stay until others come.
   */
  reconfigure(cluster: Cluster, config: ClusterConfig): void {
    const before = this.#madeOf(cluster);
    const isRewired = !isDeepStrictEqual(wiringOf(before.config), wiringOf(config));
    const now = isRewired ? this.#make(config, cluster) : { ...before, config };
    this.#made.set(cluster, now);
    const keepsHosts = isDeepStrictEqual(choiceOf(before.config), choiceOf(config));
    const hosts = keepsHosts
      ? cluster.hosts
      : this.#createHosts(config, () => cluster.activeRequests);
    cluster.reconfigure({ ...settingsOf(config), hosts });
    this.#watch(cluster, now);
    if (isRewired) for (const endpoint of cluster.endpoints) endpoint.rebind(now.services);
    const isDiscovered = config.endpointsName !== "" || config.dns !== undefined;
    if (isDiscovered) cluster.refresh();
    else this.setEndpoints(cluster, config.endpoints);
  }

  /** How connections to endpoints are made. */
  #make(config: ClusterConfig, cluster: Cluster): Made {
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
    return {
      config,
      services: {
        ...{ dialer, nowMs, wallMs, timers, prng, faults, createConnection },
        budget: cluster,
        http: config.http,
        rawAlpn: config.tls?.alpnProtocols ?? [],
      },
      checkServices: { clusterName: config.name, isTls, dialer, createConnection, faults },
    };
  }

  #createHosts(config: ClusterConfig, activeRequests: () => number): ClusterHosts {
    const { clusters, prng, nowMs, localZones, rank } = this.#options;
    const { balancer, panicThreshold, members } = config;
    if (members === undefined) {
      const isChecked = hasChecks(config);
      const inputs = { prng, nowMs, activeRequests, localZones, rank, isChecked };
      return createHostSet(balancer, panicThreshold, inputs);
    }
    const lookups = members.map((name) => () => clusters.get(name));
    return new AggregateHosts({ members: lookups, panicThreshold, prng });
  }

  #watch(cluster: Cluster, { config, checkServices }: Made): void {
    const settings = config.healthSettings;
    if (cluster.health !== undefined) {
      cluster.health.checkOnly(cluster.hosts.inUse);
      cluster.health.reconfigure(settings, checkServices);
      return;
    }
    if (settings === undefined) return;
    const { clock, prng, log } = this.#options;
    cluster.beginHealth(
      new ClusterHealth({
        ...{ services: checkServices, settings, clock, prng },
        counts: new HealthCounts(),
        log: log.child("health"),
      }),
    );
  }

  /** Endpoints that stay keep their connections and averages; those that go finish what they carry. */
  setEndpoints(cluster: Cluster, infos: readonly EndpointInfo[]): void {
    const { services } = this.#madeOf(cluster);
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

  #madeOf(cluster: Cluster): Made {
    const made = this.#made.get(cluster);
    if (made === undefined) throw new Error(`cluster ${cluster.name} was not made here`);
    return made;
  }
}

function settingsOf(config: ClusterConfig): Omit<ClusterSettings, "hosts"> {
  const { service, limits, urgentLimits, hostConnectionsMax, http } = config;
  const { streamDurationMs } = http;
  return { service, limits, urgentLimits, hostConnectionsMax, streamDurationMs };
}

/** What connections are made by. Those that were made by something else are not used any more. */
function wiringOf(config: ClusterConfig): unknown {
  const { connectTimeoutMs, tls, proxyHeader, tcpKeepalive, http } = config;
  return { connectTimeoutMs, tls, proxyHeader, tcpKeepalive, http };
}

/** What endpoints are chosen by. */
function choiceOf(config: ClusterConfig): unknown {
  const { balancer, panicThreshold, members } = config;
  // Of a part of the endpoints other things are known when these alone are checked.
  const isChecked = balancer.subsetSize !== undefined && hasChecks(config);
  return { balancer, panicThreshold, members, isChecked };
}

function hasChecks({ healthSettings }: ClusterConfig): boolean {
  return healthSettings?.healthCheck !== undefined;
}
