/**
 * The data plane of one process: listeners, routes, clusters and secrets as they are now, and the
 * operations by which static files and xDS change them. Every operation either applies whole or
 * reports errors and changes nothing.
 */
import type { Clock } from "../core/clock.ts";
import { MeshError, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import type { FieldError } from "../decision/field-error.ts";
import { RouteTable } from "../decision/route-table.ts";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import type { LineWriter } from "../telemetry/line-writer.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import { RequestMetrics, type WorkloadLabels } from "../telemetry/request-metrics.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterFactory } from "./cluster-factory.ts";
import type { ClusterConfig } from "./config/cluster-config.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { EndpointInfo } from "./endpoint.ts";
import { HttpServer, type ProxyTimers } from "./http-server.ts";
import { ProxyListener } from "./listener.ts";
import { ListenerMetrics } from "./listener-metrics.ts";
import { OutcomeRecorder } from "./outcome-recorder.ts";
import { SecretStore } from "./secret-store.ts";

const REQUEST_TICK_MS = 20;
const IDLE_TICK_MS = 500;
const SWEEP_INTERVAL_MS = 5_000;

export interface DataPlaneOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
  readonly registry: MetricRegistry;
  readonly workload: WorkloadLabels;
}

export class DataPlane {
  readonly secrets = new SecretStore();
  readonly clusters = new Map<string, Cluster>();
  readonly listeners = new Map<string, ProxyListener>();
  readonly routeTables = new Map<string, RouteTable>();
  readonly #options: DataPlaneOptions;
  readonly #timers: ProxyTimers;
  readonly #factory: ClusterFactory;
  readonly #metrics: RequestMetrics;
  readonly #listenerMetrics: ListenerMetrics;
  readonly #logWriters = new Map<string, LineWriter>();
  readonly #draining = new Set<HttpServer>();
  #isStopped = false;

  constructor(options: DataPlaneOptions) {
    const { clock, prng, registry } = options;
    this.#options = options;
    this.#timers = {
      request: new TimerWheel(clock, REQUEST_TICK_MS),
      idle: new TimerWheel(clock, IDLE_TICK_MS),
    };
    this.#factory = new ClusterFactory({
      prng,
      nowMs: () => clock.monotonicMs(),
      wallMs: () => clock.nowMs(),
      timers: this.#timers,
      secrets: this.secrets,
    });
    this.#metrics = new RequestMetrics(registry);
    this.#listenerMetrics = new ListenerMetrics(registry);
    this.#scheduleSweep();
  }

  /** Adds a cluster or replaces it. Endpoints of an EDS cluster that is replaced stay until new ones come. */
  setCluster(config: ClusterConfig): void {
    const before = this.clusters.get(config.name);
    const cluster = this.#factory.create(config);
    if (config.endpointsName !== "" && before !== undefined) {
      this.#factory.setEndpoints(
        cluster,
        before.endpoints.map((endpoint) => endpoint.info),
      );
    }
    this.clusters.set(config.name, cluster);
    for (const endpoint of before?.endpoints ?? []) endpoint.remove();
  }

  removeCluster(name: string): void {
    for (const endpoint of this.clusters.get(name)?.endpoints ?? []) endpoint.remove();
    this.clusters.delete(name);
  }

  setEndpoints(clusterName: string, endpoints: readonly EndpointInfo[]): void {
    const cluster = this.clusters.get(clusterName);
    if (cluster !== undefined) this.#factory.setEndpoints(cluster, endpoints);
  }

  /** Takes effect for the next request of every listener that names it. */
  setRoutes(config: RouteConfiguration): readonly FieldError[] {
    const errors: FieldError[] = [];
    const table = new RouteTable(config, errors);
    if (errors.length > 0) return errors;
    this.routeTables.set(config.name, table);
    for (const listener of this.listeners.values()) {
      if (listener.server.config.routesName === config.name) listener.server.routeTable = table;
    }
    return [];
  }

  removeRoutes(name: string): void {
    this.routeTables.delete(name);
  }

  /**
   * Binds a listener, or changes it: in place when only its HTTP part changed, otherwise the new one
   * is bound and the old one drained. Rejects with MeshError<ListenFailed>.
   */
  async setListener(config: ListenerConfig): Promise<void> {
    const before = this.listeners.get(config.name);
    if (before !== undefined && isSameSocket(before.config, config)) {
      before.server.config = config.http;
      before.server.routeTable =
        config.http.inlineRoutes ?? this.routeTables.get(config.http.routesName);
      return;
    }
    const listener = this.#createListener(config);
    const needsPort = before !== undefined && isSameAddress(before.config, config);
    if (needsPort) await before.close();
    await listener.listen();
    this.listeners.set(config.name, listener);
    if (before !== undefined) await this.#retire(before);
  }

  async removeListener(name: string): Promise<void> {
    const listener = this.listeners.get(name);
    this.listeners.delete(name);
    if (listener !== undefined) await this.#retire(listener);
  }

  /** Stops accepting on these listeners and waits until their requests are done, at most `graceMs`. */
  async drain(direction: "inbound" | "outbound" | "all", graceMs: number): Promise<void> {
    const listeners = [...this.listeners.values()].filter(
      (listener) => direction === "all" || listener.config.direction === direction,
    );
    const deadline = new Promise<void>((resolve) => {
      this.#options.clock.schedule(graceMs, resolve);
    });
    for (const listener of listeners) void listener.close();
    const drained = Promise.all(listeners.map((listener) => listener.server.drain()));
    await Promise.race([drained, deadline]);
  }

  /** Tells clients to go elsewhere with their next request, but serves whoever still comes. */
  announceDrain(direction: "inbound" | "outbound"): void {
    for (const listener of this.listeners.values()) {
      if (listener.config.direction === direction) listener.server.isDraining = true;
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const listener of this.listeners.values()) {
      await listener.close();
      listener.server.destroyConnections();
    }
    for (const server of this.#draining) server.destroyConnections();
    for (const cluster of this.clusters.values()) {
      for (const endpoint of cluster.endpoints) endpoint.remove();
    }
    for (const writer of this.#logWriters.values()) writer.flush();
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
    for (const listener of this.listeners.values()) count += listener.server.connections.size;
    return count;
  }

  #createListener(config: ListenerConfig): ProxyListener {
    const { clock, prng, log, workload } = this.#options;
    const recorder = new OutcomeRecorder({
      clock,
      metrics: this.#metrics,
      workload,
      direction: config.direction,
      logWriters: this.#logWriters,
    });
    const server = new HttpServer({
      config: config.http,
      clusters: this.clusters,
      timers: this.#timers,
      prng,
      nowMs: () => clock.monotonicMs(),
      recorder,
    });
    server.routeTable = config.http.inlineRoutes ?? this.routeTables.get(config.http.routesName);
    return new ProxyListener(config, server, {
      log,
      secrets: this.secrets,
      wallMs: () => clock.nowMs(),
      metrics: this.#listenerMetrics,
    });
  }

  /** A listener that goes away never cuts what it carries. */
  async #retire(listener: ProxyListener): Promise<void> {
    await listener.close();
    this.#draining.add(listener.server);
    void listener.server.drain().then(() => this.#draining.delete(listener.server));
  }

  #scheduleSweep(): void {
    this.#options.clock.schedule(SWEEP_INTERVAL_MS, () => {
      if (this.#isStopped) return;
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

function isSameSocket(a: ListenerConfig, b: ListenerConfig): boolean {
  return isSameAddress(a, b) && JSON.stringify(a.tls) === JSON.stringify(b.tls);
}
