/**
 * Envoy's circuit breakers of a cluster for the requests of one priority: what may be under way at the same time, and
 * how much of it is. What was admitted is released once.
 */
import type { ClusterCounts } from "./cluster-counts.ts";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";

export interface CircuitLimits {
  readonly connectionsMax: number;
  /** Requests that wait for a connection. */
  readonly pendingMax: number;
  readonly requestsMax: number;
  /** Retries at once. A budget stands in its place. */
  readonly retriesMax: number;
  readonly retryBudget: RetryBudgetOptions | undefined;
  /** What is left is told as metrics. */
  readonly tracksRemaining: boolean;
}

export class CircuitBreaker {
  readonly #counts: ClusterCounts;
  #limits: CircuitLimits;
  #budget: RetryBudget | undefined;
  #requests = 0;
  #pending = 0;
  #retries = 0;

  constructor(limits: CircuitLimits, counts: ClusterCounts) {
    this.#counts = counts;
    this.#limits = limits;
    this.#budget = budgetOf(limits);
  }

  get limits(): CircuitLimits {
    return this.#limits;
  }

  /** What is under way stays counted. */
  setLimits(limits: CircuitLimits): void {
    const { retryBudget } = limits;
    if (this.#budget === undefined || retryBudget === undefined) this.#budget = budgetOf(limits);
    else this.#budget.reconfigure(retryBudget);
    this.#limits = limits;
  }

  /** Requests that have begun and not ended, those that wait for a connection included. */
  get requests(): number {
    return this.#requests;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Requests that are being retried. */
  get retries(): number {
    return this.#retries;
  }

  /** Retries that would be admitted now. */
  get retriesLeft(): number {
    return this.#budget?.left ?? Math.max(0, this.#limits.retriesMax - this.#retries);
  }

  admitRequest(): boolean {
    if (this.#requests >= this.#limits.requestsMax) return this.#overflow();
    this.#requests += 1;
    this.#budget?.onRequest(this.#requests);
    return true;
  }

  releaseRequest(): void {
    this.#requests -= 1;
  }

  /**
   * One more try. `isFirst`: of its request, which is counted as one that is being retried until `releaseRetry`.
   * `isUndelivered`: the failed try provably never reached an app.
   */
  admitRetry(isFirst: boolean, isUndelivered: boolean): boolean {
    const isAdmitted =
      this.#budget === undefined
        ? !isFirst || this.#retries < this.#limits.retriesMax
        : this.#budget.take(isUndelivered);
    if (!isAdmitted) {
      this.#counts.retryOverflows += 1;
      return this.#overflow();
    }
    if (isFirst) this.#retries += 1;
    this.#counts.retries += 1;
    return true;
  }

  releaseRetry(): void {
    this.#retries -= 1;
  }

  /** An answer has come that is not tried again. */
  onAnswer(): void {
    this.#budget?.onAnswer();
  }

  admitPending(): boolean {
    if (this.#pending >= this.#limits.pendingMax) return this.#overflow();
    this.#pending += 1;
    return true;
  }

  releasePending(): void {
    this.#pending -= 1;
  }

  #overflow(): false {
    this.#counts.overflows += 1;
    return false;
  }
}

function budgetOf({ retryBudget }: CircuitLimits): RetryBudget | undefined {
  return retryBudget === undefined ? undefined : new RetryBudget(retryBudget);
}
