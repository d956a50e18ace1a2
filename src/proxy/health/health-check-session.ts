/**
 * The health checks of one endpoint: when it is asked, and what its answers make of it. Envoy's
 * ActiveHealthCheckSession.
 *
 *   waiting ── interval ─> asking ── answer, failure or timeout ─> waiting
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import type { CheckIntervals, HealthCheckSettings } from "../config/health-check-config.ts";
import type { Endpoint } from "../endpoint.ts";
import type { HealthCheckCounts } from "./health-counts.ts";
import { HEALTH_FLAG } from "./health-flags.ts";
import type { Probe, ProbeFailure, ProbeHandler } from "./probe.ts";

/** What a check has changed: nothing; nothing yet, more of its kind are needed; the endpoint's health. */
export type Transition = "unchanged" | "pending" | "changed";

export interface HealthCheckOwner {
  readonly settings: HealthCheckSettings;
  readonly counts: HealthCheckCounts;
  readonly clock: Clock;
  readonly prng: Prng;
  /** The cluster has had requests. */
  readonly hasTraffic: boolean;
  onChecked(endpoint: Endpoint, transition: Transition, failure: ProbeFailure | undefined): void;
}

export class HealthCheckSession implements ProbeHandler {
  readonly #owner: HealthCheckOwner;
  readonly #endpoint: Endpoint;
  readonly #probe: Probe;
  #isFirst = true;
  #failures = 0;
  #successes = 0;
  #timer: Timer | undefined;

  constructor(
    owner: HealthCheckOwner,
    endpoint: Endpoint,
    createProbe: (handler: ProbeHandler) => Probe,
  ) {
    this.#owner = owner;
    this.#endpoint = endpoint;
    this.#probe = createProbe(this);
  }

  /**
   * Until its first check has ended well, the endpoint is not used. `isKnown`: it was in use before, or known not to
   * be well, and stays so until checks say otherwise.
   */
  start(isKnown: boolean): void {
    if (isKnown && !this.#has(HEALTH_FLAG.pendingActiveCheck)) this.#isFirst = false;
    else {
      this.#endpoint.setHealthFlag(HEALTH_FLAG.failedActiveCheck | HEALTH_FLAG.pendingActiveCheck);
    }
    const { initialJitterMs } = this.#owner.settings.intervals;
    if (initialJitterMs === 0) this.#ask();
    else this.#askIn(Math.floor(this.#owner.prng.next() * initialJitterMs));
  }

  /** The endpoint is not asked any more: what checks have said of it is forgotten, unless others go on asking. */
  stop(keepsResult: boolean): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#probe.close();
    if (keepsResult) return;
    this.#endpoint.clearHealthFlag(
      HEALTH_FLAG.failedActiveCheck |
        HEALTH_FLAG.pendingActiveCheck |
        HEALTH_FLAG.degradedActiveCheck |
        HEALTH_FLAG.activeCheckTimeout,
    );
  }

  onProbePassed(isDegraded: boolean): void {
    const { settings, counts, clock } = this.#owner;
    const endpoint = this.#endpoint;
    this.#failures = 0;
    let transition: Transition = "unchanged";
    if (this.#has(HEALTH_FLAG.failedActiveCheck)) {
      this.#successes += 1;
      // The first check of all counts alone, so that a proxy can start.
      if (this.#isFirst || this.#successes === settings.healthyThreshold) {
        endpoint.clearHealthFlag(HEALTH_FLAG.failedActiveCheck | HEALTH_FLAG.activeCheckTimeout);
        transition = "changed";
      } else {
        transition = "pending";
      }
      endpoint.healthySinceMs = clock.monotonicMs();
    }
    transition = this.#clearPending(transition);
    if (isDegraded !== this.#has(HEALTH_FLAG.degradedActiveCheck)) {
      if (isDegraded) endpoint.setHealthFlag(HEALTH_FLAG.degradedActiveCheck);
      else endpoint.clearHealthFlag(HEALTH_FLAG.degradedActiveCheck);
      if (transition === "unchanged") transition = "changed";
    }
    counts.successes += 1;
    this.#end(transition, undefined);
  }

  onProbeFailed(failure: ProbeFailure): void {
    const { settings, counts } = this.#owner;
    const endpoint = this.#endpoint;
    this.#successes = 0;
    let transition: Transition = "unchanged";
    if (!this.#has(HEALTH_FLAG.failedActiveCheck)) {
      this.#failures += 1;
      // An endpoint that says itself that it is not well is believed at once.
      const isCertain = failure.kind === "answer" && !failure.isRetriable;
      if (isCertain || this.#failures === settings.unhealthyThreshold) {
        endpoint.setHealthFlag(HEALTH_FLAG.failedActiveCheck);
        transition = "changed";
      } else {
        transition = "pending";
      }
    }
    if (failure.kind === "timeout" && this.#has(HEALTH_FLAG.failedActiveCheck)) {
      endpoint.setHealthFlag(HEALTH_FLAG.activeCheckTimeout);
    } else {
      endpoint.clearHealthFlag(HEALTH_FLAG.activeCheckTimeout);
    }
    transition = this.#clearPending(transition);
    counts.failures += 1;
    if (failure.kind !== "answer") counts.networkFailures += 1;
    this.#end(transition, failure);
  }

  #end(transition: Transition, failure: ProbeFailure | undefined): void {
    const { settings, hasTraffic, prng } = this.#owner;
    const isPassed = failure === undefined;
    this.#isFirst = false;
    const baseMs = intervalMs(settings.intervals, isPassed, transition, hasTraffic);
    this.#askIn(withJitter(baseMs, settings.intervals, prng));
    this.#owner.onChecked(this.#endpoint, transition, failure);
  }

  #clearPending(transition: Transition): Transition {
    if (!this.#has(HEALTH_FLAG.pendingActiveCheck)) return transition;
    this.#endpoint.clearHealthFlag(HEALTH_FLAG.pendingActiveCheck);
    return "changed";
  }

  #has(flag: number): boolean {
    return (this.#endpoint.healthFlags & flag) !== 0;
  }

  #askIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#owner.clock.schedule(ms, () => this.#ask());
  }

  #ask(): void {
    const { settings, counts, clock } = this.#owner;
    counts.attempts += 1;
    this.#timer = clock.schedule(settings.timeoutMs, () => this.#onTimeout());
    this.#probe.begin();
  }

  #onTimeout(): void {
    this.#probe.giveUp();
    this.onProbeFailed({ kind: "timeout", isRetriable: false, reason: "no answer in time" });
  }
}

/** Envoy's choice. A check that an endpoint's change still waits for is followed by another one sooner. */
function intervalMs(
  intervals: CheckIntervals,
  isPassed: boolean,
  transition: Transition,
  hasTraffic: boolean,
): number {
  const isPending = transition === "pending";
  if (!hasTraffic) {
    return isPassed && !isPending ? intervals.noTrafficHealthyMs : intervals.noTrafficMs;
  }
  if (isPassed) return isPending ? intervals.healthyEdgeMs : intervals.healthyMs;
  return isPending ? intervals.unhealthyEdgeMs : intervals.unhealthyMs;
}

function withJitter(baseMs: number, intervals: CheckIntervals, prng: Prng): number {
  const { jitterPercent, jitterMs } = intervals;
  let ms = baseMs;
  if (jitterPercent > 0) ms += prng.next() * ((jitterPercent * baseMs) / 100);
  if (jitterMs > 0) ms += prng.next() * jitterMs;
  return Math.max(1, ms);
}
