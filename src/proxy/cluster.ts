/** A named group of endpoints with its load balancer, limits and way to connect. */
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ConnectionBudget } from "./endpoint-services.ts";
import type { HostSet } from "./host-set.ts";
import type { PickContext } from "./pick-context.ts";

/** Envoy's circuit breakers. Each bounds what is under way at the same time in the whole cluster. */
export interface CircuitLimits {
  readonly connectionsMax: number;
  /** Requests that wait for a connection. */
  readonly pendingMax: number;
  readonly requestsMax: number;
  readonly retriesMax: number;
}

/** What has happened to a cluster of this name, whatever its configuration was at the time. */
export interface ClusterCounts {
  connectFailures: number;
  retries: number;
  /** Requests that a circuit breaker turned away. */
  overflows: number;
}

export interface ClusterOptions {
  readonly name: string;
  readonly service: ServiceLabels;
  readonly limits: CircuitLimits;
  readonly counts: ClusterCounts;
  readonly hosts: HostSet;
}

export class Cluster implements ConnectionBudget {
  readonly name: string;
  readonly service: ServiceLabels;
  readonly counts: ClusterCounts;
  readonly #options: ClusterOptions;
  #endpoints: readonly Endpoint[] = [];
  #connections = 0;
  #pending = 0;
  #retries = 0;
  activeRequests = 0;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.service = options.service;
    this.counts = options.counts;
    this.#options = options;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Those that requests may go to. */
  get eligible(): readonly Endpoint[] {
    return this.#options.hosts.eligible;
  }

  get limits(): CircuitLimits {
    return this.#options.limits;
  }

  /** Attempts to connect included. */
  get connectionCount(): number {
    return this.#connections;
  }

  /** Replaces the endpoints. Endpoints that stay are the same objects, with their connections. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.refresh();
  }

  /** Health or weights of endpoints have changed. */
  refresh(): void {
    this.#options.hosts.update(this.#endpoints);
  }

  /** The endpoint for the next request, other than those that `context` avoids where there is a choice. */
  pick(context: PickContext | undefined): Endpoint | undefined {
    return this.#options.hosts.pick(context);
  }

  admitRequest(): boolean {
    if (this.activeRequests >= this.#options.limits.requestsMax) return this.#overflow();
    this.activeRequests += 1;
    return true;
  }

  releaseRequest(): void {
    this.activeRequests -= 1;
  }

  /** Counts a request as one that is being retried, from its first retry to its end. */
  admitRetry(): boolean {
    if (this.#retries >= this.#options.limits.retriesMax) return this.#overflow();
    this.#retries += 1;
    return true;
  }

  releaseRetry(): void {
    this.#retries -= 1;
  }

  /** Every endpoint may have one connection: this limit alone never makes one unreachable (as in Envoy). */
  admitConnection(isFirst: boolean): boolean {
    if (this.#connections >= this.#options.limits.connectionsMax && !isFirst) return false;
    this.#connections += 1;
    return true;
  }

  releaseConnection(): void {
    this.#connections -= 1;
  }

  admitPending(): boolean {
    if (this.#pending >= this.#options.limits.pendingMax) return this.#overflow();
    this.#pending += 1;
    return true;
  }

  releasePending(): void {
    this.#pending -= 1;
  }

  onConnectFailure(): void {
    this.counts.connectFailures += 1;
  }

  onOverflow(): void {
    this.counts.overflows += 1;
  }

  #overflow(): false {
    this.onOverflow();
    return false;
  }
}
