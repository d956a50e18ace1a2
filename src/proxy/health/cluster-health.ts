/**
 * Everything that watches the health of a cluster's endpoints besides discovery: outlier detection, health checks
 * and slow start. Each is there only where the cluster asks for it.
 */
import { isDeepStrictEqual } from "node:util";
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

const UNWATCHED: HealthSettings = {
  outlierDetection: undefined,
  healthCheck: undefined,
  slowStart: undefined,
  cutsConnectionsOnFailure: false,
};

export class ClusterHealth {
  readonly counts: HealthCounts;
  readonly #options: ClusterHealthOptions;
  #settings = UNWATCHED;
  #services: CheckServices;
  #outliers: OutlierDetector | undefined;
  #checker: HealthChecker | undefined;
  #slowStart: SlowStart | undefined;
  #owner: HealthOwner | undefined;
  #endpoints: ReadonlySet<Endpoint> = new Set();
  /** Those that are checked. Undefined: all of them. */
  #inUse: ReadonlySet<Endpoint> | undefined;

  constructor(options: ClusterHealthOptions) {
    this.counts = options.counts;
    this.#options = options;
    this.#services = options.services;
    this.reconfigure(options.settings, options.services);
  }

  get outliers(): OutlierDetector | undefined {
    return this.#outliers;
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
      if (this.#inUse?.has(endpoint) !== false) this.#checker?.update(endpoint);
      if (before.has(endpoint)) continue;
      this.#outliers?.add(endpoint);
      this.#slowStart?.begin(endpoint);
    }
  }

  /** For a cluster that nothing watched before: its endpoints are in use, and stay so until something speaks against it. */
  watchKnown(endpoints: readonly Endpoint[], inUse: readonly Endpoint[] | undefined): void {
    this.#endpoints = new Set(endpoints);
    this.#inUse = inUse === undefined ? undefined : new Set(inUse);
    this.#checkKnown();
    for (const endpoint of endpoints) {
      this.#outliers?.add(endpoint);
      this.#slowStart?.begin(endpoint);
    }
  }

  /**
   * Only these are checked from now on, or all of them again; what checks have said of others is forgotten. Returns
   * whether the health of any has changed.
   */
  checkOnly(inUse: readonly Endpoint[] | undefined): boolean {
    const before = this.#inUse;
    if (inUse === undefined && before === undefined) return false;
    this.#inUse = inUse === undefined ? undefined : new Set(inUse);
    const checker = this.#checker;
    if (checker === undefined) return false;
    let hasChanged = false;
    for (const endpoint of this.#endpoints) {
      const flags = endpoint.healthFlags;
      if (this.#inUse?.has(endpoint) === false) checker.remove(endpoint);
      else checker.update(endpoint, this.#inUse === undefined);
      hasChanged ||= flags !== endpoint.healthFlags;
    }
    return hasChanged;
  }

  /**
   * What is known of endpoints stays as far as anybody still asks for it: ejections, rows of failures, results of
   * checks, ages. Undefined: nothing is watched any more. Whoever calls refreshes the cluster.
   */
  reconfigure(settings: HealthSettings | undefined, services: CheckServices): void {
    const before = this.#settings;
    const now = settings ?? UNWATCHED;
    const isSameCheck =
      this.#services === services && isDeepStrictEqual(before.healthCheck, now.healthCheck);
    this.#settings = now;
    this.#services = services;
    this.#setOutlierDetection(now.outlierDetection);
    if (!isDeepStrictEqual(before.slowStart, now.slowStart)) this.#setSlowStart(now.slowStart);
    if (!isSameCheck) this.#setHealthCheck(now.healthCheck);
  }

  /** The cluster is gone. */
  stop(): void {
    this.#outliers?.stop();
    this.#checker?.stop(false);
    this.#slowStart?.stop();
  }

  #setOutlierDetection(settings: OutlierSettings | undefined): void {
    const detector = this.#outliers;
    if (settings === undefined) {
      for (const endpoint of this.#endpoints) detector?.remove(endpoint);
      detector?.stop();
      this.#outliers = undefined;
      return;
    }
    if (detector !== undefined) {
      detector.reconfigure(settings);
      return;
    }
    const { counts, clock, prng, log } = this.#options;
    const { clusterName } = this.#services;
    this.#outliers = new OutlierDetector({
      ...{ clusterName, settings, clock, prng, log },
      onChange: this.#onChange,
      counts: counts.outlier,
      onEjected: (endpoint) => this.#leave(endpoint),
    });
    for (const endpoint of this.#endpoints) this.#outliers.add(endpoint);
  }

  #setSlowStart(settings: SlowStartSettings | undefined): void {
    this.#slowStart?.stop();
    this.#slowStart = undefined;
    if (settings === undefined) return;
    const { clock } = this.#options;
    this.#slowStart = new SlowStart({ settings, clock, onChange: this.#onChange });
    for (const endpoint of this.#endpoints) this.#slowStart.begin(endpoint);
  }

  #setHealthCheck(settings: HealthCheckSettings | undefined): void {
    this.#checker?.stop(settings !== undefined);
    this.#checker = undefined;
    if (settings === undefined) return;
    const { counts, clock, prng, log } = this.#options;
    const services = this.#services;
    this.#checker = new HealthChecker({
      ...{ services, settings, clock, prng, log },
      onChange: this.#onChange,
      counts: counts.checks,
      hasTraffic: () => this.#owner?.hasTraffic ?? false,
      onPassed: (endpoint, isRecovered) => {
        this.#outliers?.onHealthCheckPassed(endpoint);
        if (isRecovered) this.#slowStart?.begin(endpoint);
      },
      onFailed: (endpoint) => this.#leave(endpoint),
    });
    this.#checkKnown();
  }

  /** They were in use before checks began, and stay so until checks say otherwise. */
  #checkKnown(): void {
    for (const endpoint of this.#inUse ?? this.#endpoints) this.#checker?.update(endpoint, true);
  }

  readonly #onChange = (): void => this.#owner?.refresh();

  #remove(endpoint: Endpoint): void {
    this.#outliers?.remove(endpoint);
    this.#checker?.remove(endpoint);
    this.#slowStart?.remove(endpoint);
  }

  #leave(endpoint: Endpoint): void {
    if (this.#settings.cutsConnectionsOnFailure) endpoint.cutConnections();
    else endpoint.leaveConnections();
  }
}
