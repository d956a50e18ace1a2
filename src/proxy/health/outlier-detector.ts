/**
 * Ejects the endpoints of one cluster that answer worse than they should, and lets them come back: Envoy's outlier
 * detection. Other than Envoy's, an ejected endpoint must first answer one request well.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { OUTLIER_TRIAL_SPACING_PICKS, OUTLIER_TRIAL_WAIT_MS } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import { matchesSubset } from "../../decision/subset-criteria.ts";
import type { OutlierSettings } from "../config/outlier-config.ts";
import type { Endpoint } from "../endpoint.ts";
import type { PickContext } from "../pick-context.ts";
import type { OutlierCounts } from "./health-counts.ts";
import { HEALTH_FLAG, isOnlyUnhealthyBy } from "./health-flags.ts";
import {
  type EjectionReason,
  type OutlierJudge,
  OutlierMonitor,
  type ResultWindow,
} from "./outlier-monitor.ts";
import { type HostRate, successRateThreshold } from "./outlier-statistics.ts";

export interface OutlierDetectorOptions {
  readonly clusterName: string;
  readonly settings: OutlierSettings;
  readonly counts: OutlierCounts;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** The health of endpoints has changed. */
  readonly onChange: () => void;
  readonly onEjected: (endpoint: Endpoint) => void;
}

/** What the detector keeps about an endpoint besides its counters. */
interface Watched {
  readonly endpoint: Endpoint;
  readonly monitor: OutlierMonitor;
  timer: Timer | undefined;
}

interface RatedHost extends HostRate {
  readonly watched: Watched;
}

type Origin = "external" | "local";

export class OutlierDetector implements OutlierJudge {
  settings: OutlierSettings;
  readonly #options: OutlierDetectorOptions;
  readonly #watched = new Map<OutlierMonitor, Watched>();
  /** Those that a request may try. */
  readonly #due: Watched[] = [];
  #ejectedCount = 0;
  #picksSinceTrial = OUTLIER_TRIAL_SPACING_PICKS;
  #interval: Timer | undefined;

  constructor(options: OutlierDetectorOptions) {
    this.#options = options;
    this.settings = options.settings;
  }

  /** What is ejected stays so for its time, and rows go on. */
  reconfigure(settings: OutlierSettings): void {
    this.settings = settings;
  }

  /** Endpoints that are ejected, those that are tried included. */
  get ejectedCount(): number {
    return this.#ejectedCount;
  }

  /** Looks at the results of this endpoint from now on. */
  add(endpoint: Endpoint): void {
    const monitor = new OutlierMonitor(this);
    endpoint.outlier = monitor;
    this.#watched.set(monitor, { endpoint, monitor, timer: undefined });
  }

  /** The endpoint has left the cluster, or nobody looks at results any more. */
  remove(endpoint: Endpoint): void {
    const monitor = endpoint.outlier;
    const watched = monitor === undefined ? undefined : this.#watched.get(monitor);
    if (monitor === undefined || watched === undefined) return;
    endpoint.outlier = undefined;
    endpoint.clearHealthFlag(HEALTH_FLAG.failedOutlierCheck);
    this.#watched.delete(monitor);
    watched.timer?.cancel();
    this.#takeFromDue(watched);
    if (monitor.state !== "in") this.#ejectedCount -= 1;
  }

  /** The cluster is gone. */
  stop(): void {
    this.#interval?.cancel();
    this.#interval = undefined;
    for (const { timer } of this.#watched.values()) timer?.cancel();
  }

  get isWatching(): boolean {
    return this.#interval !== undefined;
  }

  /** An idle cluster needs no timer: the interval begins with its first result. */
  watch(): void {
    this.#interval ??= this.#options.clock.schedule(this.settings.intervalMs, this.#onInterval);
  }

  /**
   * To be asked for each request while something is ejected: the ejected endpoint that this request is to try, or
   * undefined. Trials are a small part of the cluster's requests, unless no endpoint is eligible.
   */
  nextTrial(context: PickContext | undefined, eligible: readonly Endpoint[]): Endpoint | undefined {
    this.#picksSinceTrial += 1;
    if (this.#due.length === 0) return undefined;
    const isEarly = this.#picksSinceTrial < OUTLIER_TRIAL_SPACING_PICKS;
    if (isEarly && eligible.length > 0) return undefined;
    // Another failure of the same request would be seen, and a session belongs to its endpoint.
    if (context !== undefined && (context.isRetry || context.overrideHost !== "")) return undefined;
    const watched = this.#due.find(({ endpoint }) => mayTry(endpoint, context, eligible));
    if (watched === undefined) return undefined;
    this.#picksSinceTrial = 0;
    this.#takeFromDue(watched);
    watched.monitor.enter("trial");
    // A request that never tells anything is not waited for.
    this.#dueIn(watched, this.settings.baseEjectionMs);
    return watched.endpoint;
  }

  onFailuresInRow(monitor: OutlierMonitor, reason: EjectionReason): void {
    const watched = this.#watched.get(monitor);
    if (watched === undefined || monitor.state !== "in") return;
    this.#onDetected(watched, reason);
    if (monitor.state !== "in") return;
    // Envoy's order: a row that did not lead to an ejection begins anew.
    if (reason === "consecutive_5xx") monitor.consecutive5xx = 0;
    else if (reason === "consecutive_gateway_failure") monitor.consecutiveGatewayFailures = 0;
    else monitor.consecutiveLocalFailures = 0;
  }

  onTrialResult(monitor: OutlierMonitor, isGood: boolean): void {
    const watched = this.#watched.get(monitor);
    if (watched === undefined) return;
    this.#takeFromDue(watched);
    if (isGood) {
      this.#options.counts.trialsPassed += 1;
      this.#restore(watched, "a request was answered");
      return;
    }
    this.#options.counts.trialsFailed += 1;
    this.#keepOut(watched);
  }

  /** Envoy's `successful_active_health_check_uneject_host`. */
  onHealthCheckPassed(endpoint: Endpoint): void {
    const { outlier } = endpoint;
    if (!this.settings.restoresOnHealthCheck || outlier === undefined || outlier.state === "in") {
      return;
    }
    const watched = this.#watched.get(outlier);
    if (watched !== undefined) this.#restore(watched, "a health check succeeded");
  }

  readonly #onInterval = (): void => {
    this.#interval = undefined;
    let isBusy = this.#ejectedCount > 0;
    for (const { monitor } of this.#watched.values()) {
      isBusy ||= monitor.external.total > 0 || monitor.local.total > 0 || monitor.backoff > 0;
    }
    this.#judgeRates("external");
    this.#judgeRates("local");
    const nowMs = this.#options.clock.monotonicMs();
    for (const { monitor } of this.#watched.values()) {
      monitor.external.reset();
      monitor.local.reset();
      const isLongIn = nowMs - monitor.restoredAtMs >= this.settings.intervalMs;
      if (monitor.state === "in" && isLongIn && monitor.backoff > 0) monitor.backoff -= 1;
    }
    if (isBusy) this.watch();
  };

  #judgeRates(origin: Origin): void {
    const { settings } = this;
    const hosts = this.#ratedHosts(origin);
    const { hostsMin, requestsMin } = settings.successRate;
    const bySuccess = hosts.filter(({ volume }) => volume >= requestsMin);
    if (bySuccess.length > 0 && bySuccess.length >= hostsMin) {
      const reason = origin === "external" ? "success_rate" : "local_origin_success_rate";
      const threshold = successRateThreshold(bySuccess, settings.successRateFactor);
      for (const { watched, successRate } of bySuccess) {
        if (successRate < threshold) this.#onDetected(watched, reason);
      }
    }
    const { failurePercentage } = settings;
    const byFailure = hosts.filter(({ volume }) => volume >= failurePercentage.requestsMin);
    if (byFailure.length === 0 || byFailure.length < failurePercentage.hostsMin) return;
    const reason = origin === "external" ? "failure_percentage" : "local_origin_failure_percentage";
    for (const { watched, successRate } of byFailure) {
      if (100 - successRate >= settings.failurePercentageMin) this.#onDetected(watched, reason);
    }
  }

  /** Those in use that had requests in the interval. */
  #ratedHosts(origin: Origin): readonly RatedHost[] {
    const hosts: RatedHost[] = [];
    for (const watched of this.#watched.values()) {
      const { total, successes }: ResultWindow = watched.monitor[origin];
      if (watched.monitor.state !== "in" || total === 0) continue;
      hosts.push({ watched, successRate: (successes * 100) / total, volume: total });
    }
    return hosts;
  }

  #onDetected(watched: Watched, reason: EjectionReason): void {
    // A second reason in the same interval.
    if (watched.monitor.state !== "in") return;
    const { counts, prng } = this.#options;
    const { settings } = this;
    counts.detected[reason] += 1;
    const percent = (100 * (this.#ejectedCount + 1)) / this.#watched.size;
    const isFirst = settings.ejectsOneAlways && this.#ejectedCount === 0;
    if (percent > settings.ejectedPercentMax && !isFirst) {
      counts.overflows += 1;
      return;
    }
    if (prng.next() * 100 >= settings.enforcing[reason]) return;
    counts.ejections[reason] += 1;
    watched.monitor.reason = reason;
    this.#ejectedCount += 1;
    this.#keepOut(watched);
    watched.endpoint.setHealthFlag(HEALTH_FLAG.failedOutlierCheck);
    this.#options.onChange();
    this.#options.onEjected(watched.endpoint);
  }

  /** From now until its time is over. */
  #keepOut(watched: Watched): void {
    const { monitor, endpoint } = watched;
    const { baseEjectionMs, ejectionMsMax, ejectionJitterMs } = this.settings;
    const { clusterName, log, prng } = this.#options;
    if (monitor.backoff * baseEjectionMs < ejectionMsMax + baseEjectionMs) monitor.backoff += 1;
    const jitterMs = prng.next() * ejectionJitterMs;
    const ms = Math.min(baseEjectionMs * monitor.backoff, ejectionMsMax) + jitterMs;
    const isAgain = monitor.state === "trial" || monitor.state === "due";
    monitor.enter("out");
    monitor.resetRows();
    this.#dueIn(watched, ms);
    const fields = { cluster: clusterName, endpoint: endpoint.key, ms: Math.round(ms) };
    if (isAgain) log.debug("an ejected endpoint failed its trial", fields);
    else {
      const ejected = `${this.#ejectedCount} of ${this.#watched.size}`;
      log.warn("endpoint ejected", { ...fields, reason: monitor.reason, ejected });
    }
  }

  #dueIn(watched: Watched, ms: number): void {
    watched.timer?.cancel();
    const { clock } = this.#options;
    watched.timer = clock.schedule(ms, () => {
      watched.monitor.enter("due");
      this.#due.push(watched);
      watched.timer = clock.schedule(OUTLIER_TRIAL_WAIT_MS, () =>
        this.#restore(watched, "no request has tried it"),
      );
    });
  }

  #restore(watched: Watched, reason: string): void {
    const { monitor, endpoint } = watched;
    const { clusterName, log, clock } = this.#options;
    watched.timer?.cancel();
    watched.timer = undefined;
    this.#takeFromDue(watched);
    monitor.enter("in");
    // A row of another kind may have been nearly long enough.
    monitor.resetRows();
    monitor.restoredAtMs = clock.monotonicMs();
    this.#ejectedCount -= 1;
    endpoint.clearHealthFlag(HEALTH_FLAG.failedOutlierCheck);
    this.#options.onChange();
    log.info("endpoint restored", { cluster: clusterName, endpoint: endpoint.key, reason });
  }

  #takeFromDue(watched: Watched): void {
    const index = this.#due.indexOf(watched);
    if (index >= 0) this.#due.splice(index, 1);
  }
}

/** Nothing keeps this request from the endpoint but its ejection. */
function mayTry(
  { healthFlags, info }: Endpoint,
  context: PickContext | undefined,
  eligible: readonly Endpoint[],
): boolean {
  if (!isOnlyUnhealthyBy(healthFlags, HEALTH_FLAG.failedOutlierCheck)) return false;
  // One of a priority that is not used is none for this request, unless it is a better one.
  const isPriorityUsed = eligible.some((other) => other.info.priority >= info.priority);
  if (eligible.length > 0 && !isPriorityUsed) return false;
  const criteria = context?.subset;
  if (criteria === undefined || info.labels === undefined) return true;
  return matchesSubset(info.labels, criteria);
}
