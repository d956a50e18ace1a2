/**
 * Everything that watches the health of a cluster's endpoints besides discovery: outlier detection, health checks
 * and slow start. Each is there only where the cluster asks for it.
 */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { HealthCheckSettings } from "../config/health-check-config.ts";
import type { OutlierSettings } from "../config/outlier-config.ts";
import type { SlowStartSettings } from "../config/slow-start-config.ts";
import type { Endpoint } from "../endpoint.ts";
import { type CheckServices, HealthChecker } from "./health-checker.ts";
import type { HealthCounts } from "./health-counts.ts";
import { OutlierDetector } from "./outlier-detector.ts";
import { SlowStart } from "./slow-start.ts";

/** What a cluster asks for. */
export interface HealthSettings {
  readonly outlierDetection: OutlierSettings | undefined;
  readonly healthCheck: HealthCheckSettings | undefined;
  readonly slowStart: SlowStartSettings | undefined;
  /** Connections that carry no HTTP end when their endpoint fails. */
  readonly cutsConnectionsOnFailure: boolean;
}

export interface ClusterHealthOptions {
  readonly settings: HealthSettings;
  readonly services: CheckServices;
  readonly counts: HealthCounts;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/** The cluster. */
export interface HealthOwner {
  readonly hasTraffic: boolean;
  /** The health or the weights of endpoints have changed. */
  refresh(): void;
}

export class ClusterHealth {
  readonly counts: HealthCounts;
  readonly outliers: OutlierDetector | undefined;
  readonly #checker: HealthChecker | undefined;
  readonly #slowStart: SlowStart | undefined;
  readonly #settings: HealthSettings;
  #owner: HealthOwner | undefined;
  #endpoints: ReadonlySet<Endpoint> = new Set();

  constructor(options: ClusterHealthOptions) {
    const { settings, services, counts, clock, prng, log } = options;
    const onChange = (): void => this.#owner?.refresh();
    this.counts = counts;
    this.#settings = settings;
    const { clusterName } = services;
    if (settings.outlierDetection !== undefined) {
      this.outliers = new OutlierDetector({
        ...{ clusterName, clock, prng, log, onChange },
        settings: settings.outlierDetection,
        counts: counts.outlier,
        onEjected: (endpoint) => this.#leave(endpoint),
      });
    }
    if (settings.slowStart !== undefined) {
      this.#slowStart = new SlowStart({ settings: settings.slowStart, clock, onChange });
    }
    if (settings.healthCheck !== undefined) {
      this.#checker = new HealthChecker({
        ...{ services, clock, prng, log, onChange },
        settings: settings.healthCheck,
        counts: counts.checks,
        hasTraffic: () => this.#owner?.hasTraffic ?? false,
        onPassed: (endpoint, isRecovered) => {
          this.outliers?.onHealthCheckPassed(endpoint);
          if (isRecovered) this.#slowStart?.begin(endpoint);
        },
        onFailed: (endpoint) => this.#leave(endpoint),
      });
    }
  }

  /** Endpoints are asked whether they are well. */
  get hasChecks(): boolean {
    return this.#checker !== undefined;
  }

  begin(owner: HealthOwner): void {
    this.#owner = owner;
  }

  /** These and no others, from now on. Whoever calls refreshes the cluster. */
  setEndpoints(endpoints: readonly Endpoint[]): void {
    const before = this.#endpoints;
    const now = new Set(endpoints);
    this.#endpoints = now;
    for (const endpoint of before) if (!now.has(endpoint)) this.#remove(endpoint);
    for (const endpoint of endpoints) {
      this.#checker?.update(endpoint);
      if (before.has(endpoint)) continue;
      this.outliers?.add(endpoint);
      this.#slowStart?.begin(endpoint);
    }
  }

  stop(): void {
    this.outliers?.stop();
    this.#checker?.stop();
    this.#slowStart?.stop();
  }

  #remove(endpoint: Endpoint): void {
    this.outliers?.remove(endpoint);
    this.#checker?.remove(endpoint);
    this.#slowStart?.remove(endpoint);
  }

  #leave(endpoint: Endpoint): void {
    if (this.#settings.cutsConnectionsOnFailure) endpoint.cutConnections();
    else endpoint.leaveConnections();
  }
}
