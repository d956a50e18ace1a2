/**
 * The data plane of one process: listeners, routes, clusters and secrets as they are now, and the
 * operations by which static files and xDS change them. Every operation either applies whole or
 * reports errors and changes nothing.
 */
import { hostname } from "node:os";
import type { Clock } from "../core/clock.ts";
import { MeshError, messageOf } from "../core/errors.ts";
import { DRAIN_LAG_MS, DRAIN_TIMEOUT_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import type { FieldError } from "../decision/field-error.ts";
import { endpointRank, subsetSeedOf } from "../decision/load-balancing/endpoint-subset.ts";
import { RouteTable } from "../decision/route-table.ts";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import type { WorkloadLabels } from "../telemetry/request-metrics.ts";
import { AccessLogHub } from "./access-log/access-log-hub.ts";
import { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterFactory } from "./cluster-factory.ts";
import type { ClusterConfig } from "./config/cluster-config.ts";
import { hasSameSocket, type ListenerConfig, takesPlainText } from "./config/listener-config.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import { reportDeniedPeers } from "./denied-peer-reports.ts";
import { DnsListeners } from "./dns/dns-listeners.ts";
import type { DrainDirection } from "./drain.ts";
import type { EndpointInfo } from "./endpoint.ts";
import type { InheritedSockets } from "./handover/inherited-sockets.ts";
import type { OpenSocket } from "./handover/messages.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { ProxyListener } from "./listener.ts";
import { ListenerFactory } from "./listener-factory.ts";
import { type LocalCluster, localZonesOf } from "./local-cluster.ts";
import { NamedEndpoints } from "./named-endpoints.ts";
import type { SharedRefreshes } from "./oidc/shared-refreshes.ts";
import { SecretStore } from "./secret-store.ts";
import type { SharedAddresses } from "./shared-addresses.ts";
import { TapSet } from "./tap/tap-set.ts";
import { TlsMetrics } from "./tls-metrics.ts";
import { TracingHub } from "./tracing/tracing-hub.ts";

const REQUEST_TICK_MS = 20;
const IDLE_TICK_MS = 500;
const SWEEP_INTERVAL_MS = 5_000;

export interface DataPlaneOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
  readonly registry: MetricRegistry;
  readonly workload: WorkloadLabels;
  /** Present when other workers listen on the same addresses. */
  readonly sharedAddresses?: SharedAddresses;
  /** Listening sockets of the process before this one. */
  readonly inherited?: InheritedSockets | undefined;
  /** Downstream connections of this process, no bound when absent. */
  readonly connectionsMax?: number;
  /** Where this proxy is among the callers, for zone-aware routing. */
  readonly local?: LocalCluster | undefined;
  /** Processes that share the proxy's traffic, this one included; 1 when absent. */
  readonly workers?: number;
  /** Present when other workers have the same sessions. */
  readonly sharedRefreshes?: SharedRefreshes;
  /** Who tells spans: attributes of OpenTelemetry's resource, and the proxy's version. */
  readonly resource?: Readonly<Record<string, string>>;
  readonly version?: string;
}

export class DataPlane {
  readonly secrets = new SecretStore();
  readonly clusters = new Map<string, Cluster>();
  readonly listeners = new Map<string, ProxyListener>();
  /** Those that answer name queries. */
  readonly dnsListeners: DnsListeners;
  readonly routeTables = new Map<string, RouteTable>();
  readonly #options: DataPlaneOptions;
  readonly #timers: ProxyTimers;
  readonly #factory: ClusterFactory;
  readonly #listenerFactory: ListenerFactory;
  readonly #named: NamedEndpoints;
  readonly #faults: CallbackFaults;
  readonly #connectionLimit: ConnectionLimit;
  readonly #tracing: TracingHub;
  readonly #logs: AccessLogHub;
  readonly #taps: TapSet;
  /** Listeners that are gone, while their last connections live. */
  readonly #retired = new Set<ProxyListener>();
  #isStopped = false;

  constructor(options: DataPlaneOptions) {
    const { clock, log, prng, registry } = options;
    this.#options = options;
    this.#connectionLimit = new ConnectionLimit(options.connectionsMax ?? Number.POSITIVE_INFINITY);
    this.#timers = {
      request: new TimerWheel(clock, REQUEST_TICK_MS),
      idle: new TimerWheel(clock, IDLE_TICK_MS),
    };
    this.#faults = new CallbackFaults(registry, log);
    this.dnsListeners = new DnsListeners({ clock, registry, faults: this.#faults });
    const tlsMetrics = new TlsMetrics(registry);
    reportDeniedPeers(this.secrets.deniedPeers, registry, log);
    this.#factory = new ClusterFactory({
      clock,
      log,
      prng,
      nowMs: () => clock.monotonicMs(),
      wallMs: () => clock.nowMs(),
      timers: this.#timers,
      secrets: this.secrets,
      faults: this.#faults,
      tlsMetrics,
      clusters: this.clusters,
      localZones: () => localZonesOf(options.local, this.clusters),
      // All workers of a proxy, and the proxy after a restart, order endpoints alike.
      rank: endpointRank(subsetSeedOf(options.resource?.["service.instance.id"] || hostname())),
    });
    const telling = {
      ...{ clock, registry, timers: this.#timers, faults: this.#faults, clusters: this.clusters },
      resource: options.resource ?? {},
      version: options.version ?? "",
    };
    this.#tracing = new TracingHub(telling);
    this.#logs = new AccessLogHub({ ...telling, prng });
    this.#taps = new TapSet({
      ...telling,
      nowMs: () => clock.monotonicMs(),
      instance: telling.resource["service.instance.id"] ?? "",
    });
    this.#listenerFactory = new ListenerFactory({
      ...options,
      tracing: this.#tracing,
      tlsMetrics,
      sharedAddresses: options.sharedAddresses,
      inherited: options.inherited,
      clusters: this.clusters,
      routeTables: this.routeTables,
      timers: this.#timers,
      secrets: this.secrets,
      faults: this.#faults,
      connectionLimit: this.#connectionLimit,
      logs: this.#logs,
      taps: this.#taps,
      workers: options.workers ?? 1,
      sharedRefreshes: options.sharedRefreshes,
    });
    this.#named = new NamedEndpoints({
      ...{ clock, prng, log },
      setEndpoints: (name, endpoints) => this.setEndpoints(name, endpoints),
    });
    this.#scheduleSweep();
  }

  /** Adds a cluster or changes it. Endpoints that are discovered stay until new ones come. */
  setCluster(config: ClusterConfig): void {
    const before = this.clusters.get(config.name);
    if (before === undefined) this.clusters.set(config.name, this.#factory.create(config));
    else this.#factory.reconfigure(before, config);
    this.#named.follow(config);
  }

  removeCluster(name: string): void {
    this.#named.forget(name);
    this.clusters.get(name)?.remove();
    this.clusters.delete(name);
  }

  setEndpoints(clusterName: string, endpoints: readonly EndpointInfo[]): void {
    const cluster = this.clusters.get(clusterName);
    if (cluster !== undefined) this.#factory.setEndpoints(cluster, endpoints);
    if (clusterName !== this.#options.local?.name) return;
    // Where callers are has changed: zones get other parts of what others than they serve.
    for (const other of this.clusters.values()) if (other !== cluster) other.refresh();
  }

  /** Takes effect for the next request of every listener that names it. */
  setRoutes(config: RouteConfiguration): readonly FieldError[] {
    const errors: FieldError[] = [];
    const table = new RouteTable(config, errors);
    if (errors.length === 0) this.setRouteTable(config.name, table);
    return errors;
  }

  /** The same, compiled. */
  setRouteTable(name: string, table: RouteTable): void {
    this.routeTables.set(name, table);
    for (const listener of this.listeners.values()) listener.setRouteTable(name, table);
  }

  removeRoutes(name: string): void {
    this.routeTables.delete(name);
  }

  /**
   * Binds a listener, or changes it without a moment in which its address does not answer: in place
   * when only its filters changed, otherwise a new listener takes the socket over, or is bound before
   * the old one goes. Rejects with MeshError<ListenFailed>.
   */
  async setListener(config: ListenerConfig): Promise<void> {
    const before = this.listeners.get(config.name);
    if (config.dns !== undefined) {
      await this.dnsListeners.set(config.name, config.address, config.dns);
      if (this.#isStopped) await this.dnsListeners.close();
      await this.#removeTcpListener(config.name);
      return;
    }
    await this.dnsListeners.remove(config.name);
    if (before !== undefined && hasSameSocket(before.config, config)) {
      before.reconfigure(config, this.routeTables);
      return;
    }
    const listener = this.#listenerFactory.create(config);
    if (before !== undefined && isSameAddress(before.config, config)) listener.takeOver(before);
    else await listener.listen();
    if (this.#isStopped) {
      await listener.close();
      return;
    }
    this.listeners.set(config.name, listener);
    if (before === undefined) return;
    if (takesPlainText(before.config) && !takesPlainText(config)) this.#endPlainText(before);
    await this.#retire(before);
  }

  async removeListener(name: string): Promise<void> {
    await this.dnsListeners.remove(name);
    await this.#removeTcpListener(name);
  }

  async #removeTcpListener(name: string): Promise<void> {
    const listener = this.listeners.get(name);
    this.listeners.delete(name);
    if (listener !== undefined) await this.#retire(listener);
  }

  hasListeners(direction: DrainDirection): boolean {
    return this.#listenersOf(direction).length > 0;
  }

  /** Tells clients to go elsewhere with their next request, but serves whoever still comes. */
  announceDrain(direction: DrainDirection): void {
    for (const listener of this.#listenersOf(direction)) listener.announceDrain();
  }

  /** Stops accepting on these listeners and waits until their requests are done, at most `graceMs`. */
  async drain(direction: DrainDirection, graceMs: number): Promise<void> {
    const listeners = this.#listenersOf(direction);
    const draining = direction === "all" ? [...listeners, ...this.#retired] : listeners;
    await Promise.all(listeners.map((listener) => listener.close()));
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.schedule(graceMs, resolve);
      void Promise.all(draining.map((listener) => listener.drain())).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  get sockets(): readonly OpenSocket[] {
    return [...this.listeners.values()].flatMap(({ socket }) => socket ?? []);
  }

  /** Stops accepting, as another process does; resolves when its clients have gone there, or time is over. */
  async replace(graceMs: number): Promise<void> {
    await Promise.all([...this.listeners.values()].map((listener) => listener.replace()));
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.schedule(graceMs, resolve);
      void this.#connectionLimit.whenEmpty().then(() => {
        timer.cancel();
        resolve();
      });
    });
    for (const listener of this.listeners.values()) listener.endStreams();
  }

  /** Cuts whatever is left, with a last word for streams whose clients understand one. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#tracing.stop();
    this.#taps.stop();
    this.#logs.flush();
    this.#named.stop();
    await this.dnsListeners.close();
    await Promise.all([...this.listeners.values()].map((listener) => listener.close()));
    for (const listener of [...this.listeners.values(), ...this.#retired]) {
      listener.endStreams();
      listener.destroyConnections();
    }
    for (const cluster of this.clusters.values()) cluster.abort();
    await this.#logs.stop();
  }

  /** Requests sent upstream since the start, by the endpoints that are still there. */
  get requestsTotal(): number {
    let count = 0;
    for (const cluster of this.clusters.values()) {
      for (const endpoint of cluster.endpoints) count += endpoint.requestsTotal;
    }
    return count;
  }

  get activeConnections(): number {
    let count = 0;
    for (const listener of this.listeners.values()) count += listener.connectionCount;
    for (const listener of this.#retired) count += listener.connectionCount;
    return count;
  }

  #listenersOf(direction: DrainDirection): readonly ProxyListener[] {
    return [...this.listeners.values()].filter(
      ({ config }) => direction === "all" || config.direction === direction,
    );
  }

  /** Its policy lets nobody in without mutual TLS any more: here it does cut what it carries, requests after a while. */
  #endPlainText(listener: ProxyListener): void {
    listener.drainPlainText();
    this.#options.clock.schedule(DRAIN_TIMEOUT_MS, () => listener.cutPlainText());
  }

  /**
   * A listener that goes away never cuts what it carries. Clients that keep their connection busy are
   * told to leave it, before those that are idle are closed.
   */
  async #retire(listener: ProxyListener): Promise<void> {
    await listener.close();
    listener.announceDrain();
    this.#retired.add(listener);
    this.#options.clock.schedule(DRAIN_LAG_MS, () => {
      void listener.drain().then(() => this.#retired.delete(listener));
    });
  }

  #scheduleSweep(): void {
    this.#options.clock.schedule(SWEEP_INTERVAL_MS, () => {
      if (this.#isStopped) return;
      this.#options.registry.expire(this.#options.clock.monotonicMs());
      for (const cluster of this.clusters.values()) {
        for (const endpoint of cluster.endpoints) endpoint.sweep();
      }
      this.#scheduleSweep();
    });
  }
}

/** The error of a listener that could not be bound, for a NACK. */
export function listenErrorText(error: unknown): string {
  return error instanceof MeshError ? error.message : messageOf(error);
}

function isSameAddress(a: ListenerConfig, b: ListenerConfig): boolean {
  return a.address.host === b.address.host && a.address.port === b.address.port;
}
