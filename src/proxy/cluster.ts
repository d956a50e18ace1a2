/** A named group of endpoints with its load balancer, limits and way to connect. */
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import type { ConnectionBudget, Endpoint } from "./endpoint.ts";
import type { LoadBalancer } from "./load-balancer/load-balancer.ts";

export interface CircuitLimits {
  readonly connectionsMax: number;
  readonly pendingMax: number;
  readonly requestsMax: number;
}

export interface ClusterOptions {
  readonly name: string;
  readonly service: ServiceLabels;
  readonly limits: CircuitLimits;
  readonly loadBalancer: LoadBalancer<Endpoint>;
  /** Share of healthy endpoints, 0 to 1, below which health is ignored (Envoy's panic threshold). */
  readonly panicThreshold: number;
  /** Milliseconds after which an idle connection is closed. */
  readonly idleTimeoutMs: number;
}

export class Cluster implements ConnectionBudget {
  readonly name: string;
  readonly service: ServiceLabels;
  readonly #options: ClusterOptions;
  #endpoints: readonly Endpoint[] = [];
  #eligible: readonly Endpoint[] = [];
  #connections = 0;
  activeRequests = 0;
  retries = 0;
  overflows = 0;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.service = options.service;
    this.#options = options;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get pendingMax(): number {
    return this.#options.limits.pendingMax;
  }

  get idleTimeoutMs(): number {
    return this.#options.idleTimeoutMs;
  }

  /** Replaces the endpoints. Endpoints that stay are the same objects, with their connections. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#eligible = eligibleOf(endpoints, this.#options.panicThreshold);
    this.#options.loadBalancer.setEndpoints(this.#eligible);
  }

  /** The endpoint for the next request, other than `avoided` where there is a choice. */
  pick(avoided: Endpoint | undefined): Endpoint | undefined {
    const picked = this.#options.loadBalancer.pick();
    if (avoided === undefined || picked !== avoided || this.#eligible.length < 2) return picked;
    const index = this.#eligible.indexOf(avoided);
    return this.#eligible[(index + 1) % this.#eligible.length];
  }

  admitRequest(): boolean {
    if (this.activeRequests >= this.#options.limits.requestsMax) {
      this.overflows += 1;
      return false;
    }
    this.activeRequests += 1;
    return true;
  }

  releaseRequest(): void {
    this.activeRequests -= 1;
  }

  admitConnection(): boolean {
    if (this.#connections >= this.#options.limits.connectionsMax) {
      this.overflows += 1;
      return false;
    }
    this.#connections += 1;
    return true;
  }

  releaseConnection(): void {
    this.#connections -= 1;
  }
}

/**
 * The best priority that has a healthy endpoint; in panic, all of the first priority. A threshold of 0 forbids
 * panic: with no healthy endpoint there is none to pick.
 */
function eligibleOf(endpoints: readonly Endpoint[], panicThreshold: number): readonly Endpoint[] {
  const priorities = [...new Set(endpoints.map((endpoint) => endpoint.info.priority))].sort(
    (a, b) => a - b,
  );
  for (const priority of priorities) {
    const all = endpoints.filter((endpoint) => endpoint.info.priority === priority);
    const healthy = all.filter((endpoint) => endpoint.info.isHealthy);
    if (healthy.length > 0 && healthy.length / all.length >= panicThreshold) return healthy;
  }
  if (panicThreshold === 0) return [];
  return endpoints.filter((endpoint) => endpoint.info.priority === priorities[0]);
}
