/**
 * What the answers of one endpoint say about it: counters only, and a word to the detector of its cluster when a
 * row of failures is long enough. Envoy's DetectorHostMonitor.
 */
import type { ResponseHead } from "../../http/response-head.ts";
import { httpStatusOfGrpc, parseGrpcStatus } from "../../telemetry/grpc-status.ts";
import type { OutlierSettings } from "../config/outlier-config.ts";

/** Envoy's kinds of ejection, as its statistics name them. */
export const EJECTION_REASONS = [
  "consecutive_5xx",
  "consecutive_gateway_failure",
  "consecutive_local_origin_failure",
  "success_rate",
  "local_origin_success_rate",
  "failure_percentage",
  "local_origin_failure_percentage",
] as const;
export type EjectionReason = (typeof EJECTION_REASONS)[number];

/** Results of one kind in the interval under way. */
export class ResultWindow {
  total = 0;
  successes = 0;

  reset(): void {
    this.total = 0;
    this.successes = 0;
  }
}

/** Who decides what a monitor's counters lead to. */
export interface OutlierJudge {
  readonly settings: OutlierSettings;
  /** Results are looked at when the interval ends. */
  readonly isWatching: boolean;
  watch(): void;
  onFailuresInRow(monitor: OutlierMonitor, reason: EjectionReason): void;
  /** The first result of an endpoint that is tried again. */
  onTrialResult(monitor: OutlierMonitor, isGood: boolean): void;
}

/**
 * `in` use; `out`: ejected; `due`: it may be tried by a request; `trial`: a request tries it.
 *
 *   in ── ejected ─> out ── its time is over ─> due ── picked ─> trial ── good ─> in
 *                     ^                                            └── bad ─> out
 */
export type OutlierState = "in" | "out" | "due" | "trial";

export class OutlierMonitor {
  readonly #judge: OutlierJudge;
  /** Results of answers; of everything where local failures are not told apart. */
  readonly external = new ResultWindow();
  readonly local = new ResultWindow();
  consecutive5xx = 0;
  consecutiveGatewayFailures = 0;
  consecutiveLocalFailures = 0;
  #state: OutlierState = "in";
  #generation = 0;
  /** Of the last ejection. */
  reason: EjectionReason = "consecutive_5xx";
  /** How many base times the next ejection lasts. */
  backoff = 0;
  restoredAtMs = Number.NEGATIVE_INFINITY;

  constructor(judge: OutlierJudge) {
    this.#judge = judge;
  }

  get state(): OutlierState {
    return this.#state;
  }

  /**
   * To be noted by whoever picks the endpoint, and told with the result: an answer to a request that was sent before
   * the state changed says nothing of the trial under way.
   */
  get generation(): number {
    return this.#generation;
  }

  enter(state: OutlierState): void {
    this.#state = state;
    this.#generation += 1;
  }

  /** An answer's HTTP status, or what its status of gRPC means in HTTP. */
  onStatus(status: number, generation: number): void {
    const judge = this.#judge;
    if (!judge.isWatching) judge.watch();
    this.external.total += 1;
    if (status < 500 || status > 599) {
      this.external.successes += 1;
      this.consecutive5xx = 0;
      this.consecutiveGatewayFailures = 0;
      if (this.#state !== "in") this.#onTrialStatus(status, generation);
      return;
    }
    this.#onServerError(status, generation);
  }

  /** A connection was there for a request. */
  onConnected(generation: number): void {
    if (!this.#judge.settings.splitsLocalErrors) return;
    this.local.total += 1;
    this.local.successes += 1;
    this.consecutiveLocalFailures = 0;
    if (!this.#isOnTrial(generation)) return;
    if (this.reason === "consecutive_local_origin_failure") this.#judge.onTrialResult(this, true);
  }

  /** A connection for bytes of another protocol, of which nothing more is learnt. */
  onTcpConnected(generation: number): void {
    if (this.#judge.settings.splitsLocalErrors) this.onConnected(generation);
    else this.onStatus(200, generation);
  }

  /** No answer came, or not all of it. `status` is what it counts as where local failures are not told apart. */
  onLocalFailure(status: number, generation: number): void {
    const judge = this.#judge;
    if (!judge.settings.splitsLocalErrors) {
      this.onStatus(status, generation);
      return;
    }
    if (!judge.isWatching) judge.watch();
    this.local.total += 1;
    this.consecutiveLocalFailures += 1;
    if (this.#state !== "in") {
      if (this.#isOnTrial(generation)) judge.onTrialResult(this, false);
    } else if (this.consecutiveLocalFailures >= judge.settings.consecutiveLocalFailures) {
      judge.onFailuresInRow(this, "consecutive_local_origin_failure");
    }
  }

  /** The endpoint is used again. */
  resetRows(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailures = 0;
    this.consecutiveLocalFailures = 0;
  }

  #isOnTrial(generation: number): boolean {
    const isTried = this.#state === "due" || this.#state === "trial";
    return isTried && generation === this.#generation;
  }

  #onServerError(status: number, generation: number): void {
    const judge = this.#judge;
    const { settings } = judge;
    if (isGatewayError(status)) {
      this.consecutiveGatewayFailures += 1;
    } else {
      this.consecutiveGatewayFailures = 0;
    }
    this.consecutive5xx += 1;
    if (this.#state !== "in") {
      this.#onTrialStatus(status, generation);
      return;
    }
    const { consecutiveGatewayFailures } = this;
    if (isGatewayError(status) && consecutiveGatewayFailures >= settings.gatewayFailures) {
      judge.onFailuresInRow(this, "consecutive_gateway_failure");
    }
    if (this.consecutive5xx >= settings.consecutive5xx) {
      judge.onFailuresInRow(this, "consecutive_5xx");
    }
  }

  /** Who was ejected for gateway errors is not ejected anew for others. */
  #onTrialStatus(status: number, generation: number): void {
    if (!this.#isOnTrial(generation)) return;
    const isError = status >= 500 && status <= 599;
    const isBad = this.reason === "consecutive_gateway_failure" ? isGatewayError(status) : isError;
    this.#judge.onTrialResult(this, !isBad);
  }
}

/** Envoy's reading: those that a proxy would make itself. */
function isGatewayError(status: number): boolean {
  return status >= 502 && status <= 504;
}

/** The status of an answer's head as the detector counts it: of gRPC what its own status means, where it says one. */
export function outlierStatusOf({ status, headers }: ResponseHead, isGrpc: boolean): number {
  const text = isGrpc ? headers.get("grpc-status") : undefined;
  return text === undefined ? status : httpStatusOfGrpc(parseGrpcStatus(text));
}
