/** A named group of endpoints with its load balancer, limits and way to connect. */
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import { CircuitBreaker, type CircuitLimits } from "./circuit-breaker.ts";
import type { ClusterCounts } from "./cluster-counts.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ConnectionBudget } from "./endpoint-services.ts";
import type { ClusterHealth, HealthOwner } from "./health/cluster-health.ts";
import type { ClusterHosts } from "./host-set.ts";
import type { PickContext } from "./pick-context.ts";
import type { UpstreamFailure } from "./stream.ts";

/** What a change of its configuration replaces. */
export interface ClusterSettings {
  readonly service: ServiceLabels;
  readonly limits: CircuitLimits;
  /** For requests of routes with priority HIGH. */
  readonly urgentLimits: CircuitLimits;
  /** Connections to one endpoint. Infinite for no limit. */
  readonly hostConnectionsMax: number;
  /** Of a single stream. 0 means no limit. */
  readonly streamDurationMs: number;
  readonly hosts: ClusterHosts;
}

export interface ClusterOptions extends ClusterSettings {
  readonly name: string;
  readonly counts: ClusterCounts;
}

export class Cluster implements ConnectionBudget, HealthOwner {
  readonly name: string;
  readonly counts: ClusterCounts;
  /** Limits and counts by priority. */
  readonly breaker: CircuitBreaker;
  readonly urgentBreaker: CircuitBreaker;
  #settings: ClusterSettings;
  #endpoints: readonly Endpoint[] = [];
  #connections = 0;
  /** A connection for a request has been asked for. */
  hasTraffic = false;
  #health: ClusterHealth | undefined;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.counts = options.counts;
    this.breaker = new CircuitBreaker(options.limits, options.counts);
    this.urgentBreaker = new CircuitBreaker(options.urgentLimits, options.counts);
    this.#settings = options;
  }

  /** The configuration has changed: endpoints, their health and what is under way stay. Whoever calls refreshes it. */
  reconfigure(settings: ClusterSettings): void {
    // Those that are in use are known before anything watches them.
    if (settings.hosts !== this.#settings.hosts) settings.hosts.update(this.#endpoints);
    this.#settings = settings;
    this.breaker.setLimits(settings.limits);
    this.urgentBreaker.setLimits(settings.urgentLimits);
  }

  get service(): ServiceLabels {
    return this.#settings.service;
  }

  get hostConnectionsMax(): number {
    return this.#settings.hostConnectionsMax;
  }

  get streamDurationMs(): number {
    return this.#settings.streamDurationMs;
  }

  /** Absent where nothing has watched the health of endpoints but discovery. */
  get health(): ClusterHealth | undefined {
    return this.#health;
  }

  /** Its endpoints are watched from now on, those that are there included. */
  beginHealth(health: ClusterHealth): void {
    this.#health = health;
    health.begin(this);
    health.watchKnown(this.#endpoints, this.hosts.inUse);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** What chooses among its endpoints. */
  get hosts(): ClusterHosts {
    return this.#settings.hosts;
  }

  /** Those that requests may go to. */
  get eligible(): readonly Endpoint[] {
    return this.#settings.hosts.eligible;
  }

  breakerFor(isUrgent: boolean): CircuitBreaker {
    return isUrgent ? this.urgentBreaker : this.breaker;
  }

  /** Requests that have begun and not ended. */
  get activeRequests(): number {
    return this.breaker.requests + this.urgentBreaker.requests;
  }

  /** Attempts to connect included. */
  get connectionCount(): number {
    return this.#connections;
  }

  /** Replaces the endpoints. Endpoints that stay are the same objects, with their connections. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#health?.setEndpoints(endpoints);
    this.refresh();
  }

  /** Health or weights of endpoints have changed. */
  refresh(): void {
    const { hosts } = this.#settings;
    hosts.update(this.#endpoints);
    // One that comes into use is not used before its first check has ended.
    if (this.#health?.checkOnly(hosts.inUse)) hosts.update(this.#endpoints);
  }

  /** The endpoint for the next request, other than those that `context` avoids where there is a choice. */
  pick(context: PickContext | undefined): Endpoint | undefined {
    const { hosts } = this.#settings;
    const outliers = this.#health?.outliers;
    if (outliers !== undefined && outliers.ejectedCount > 0) {
      const trial = outliers.nextTrial(context, hosts.eligible);
      if (trial !== undefined) return trial;
    }
    return hosts.pick(context);
  }

  /** The cluster is gone: idle connections end now, busy ones with their requests. */
  remove(): void {
    this.#health?.stop();
    for (const endpoint of this.#endpoints) endpoint.remove();
  }

  /** The same at once, whatever connections carry. */
  abort(): void {
    this.#health?.stop();
    for (const endpoint of this.#endpoints) endpoint.abort();
  }

  /**
   * Every endpoint may have one connection: this limit alone never makes one unreachable (as in Envoy). Connections
   * serve requests of both priorities: each may make one while there are fewer than its own limit.
   */
  admitConnection(isFirst: boolean, isUrgent = false): boolean {
    const { limits } = this.breakerFor(isUrgent);
    if (this.#connections >= limits.connectionsMax && !isFirst) return false;
    this.hasTraffic = true;
    this.#connections += 1;
    return true;
  }

  releaseConnection(): void {
    this.#connections -= 1;
  }

  admitPending(isUrgent = false): boolean {
    return this.breakerFor(isUrgent).admitPending();
  }

  releasePending(isUrgent = false): void {
    this.breakerFor(isUrgent).releasePending();
  }

  onConnectFailure(kind: UpstreamFailure["kind"]): void {
    this.counts.connectFailures += 1;
    if (kind === "connect-timeout") this.counts.connectTimeouts += 1;
    else if (kind === "tls-failed") this.counts.tlsFailures += 1;
  }

  onOverflow(): void {
    this.counts.overflows += 1;
  }
}
