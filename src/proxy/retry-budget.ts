/**
 * How much load retries may add to a cluster. A request brings a part of a retry into a balance, a retry takes a whole
 * one, so that a cluster of which every instance fails gets no more than that part on top, from the first second on
 * and however fast failures come. The balance holds at most that part of what is under way at once (Envoy's rule for
 * its budget): as many may fail together and be repeated. What provably never reached an app adds no load to it: such
 * retries draw on what good answers bring instead, so that one instance that is gone costs nobody a request, and a
 * cluster that is gone is not asked in vain.
 */

/** Good answers that are remembered: as many requests may meet a dead instance at once and still be repeated. */
const UNDELIVERED_MAX = 100;

export interface RetryBudgetOptions {
  /** Retries as a part of requests, 0 to 1. */
  readonly fraction: number;
  /** The balance may hold so many retries in any case. */
  readonly concurrencyMin: number;
}

export class RetryBudget {
  #fraction: number;
  #concurrencyMin: number;
  #balance: number;
  #undelivered = UNDELIVERED_MAX;

  constructor({ fraction, concurrencyMin }: RetryBudgetOptions) {
    this.#fraction = fraction;
    this.#concurrencyMin = concurrencyMin;
    this.#balance = concurrencyMin;
  }

  /** The balance goes on: configuration that changes often brings no retries of its own. */
  reconfigure({ fraction, concurrencyMin }: RetryBudgetOptions): void {
    this.#balance += Math.max(0, concurrencyMin - this.#concurrencyMin);
    this.#fraction = fraction;
    this.#concurrencyMin = concurrencyMin;
  }

  /** Retries that it allows now, of requests that may have reached an app. */
  get left(): number {
    return Math.trunc(this.#balance);
  }

  /** A request begins: `requests` are under way with it. */
  onRequest(requests: number): void {
    // Less than one would never become a retry.
    const max = Math.max(1, this.#concurrencyMin, requests * this.#fraction);
    this.#balance = Math.min(this.#balance + this.#fraction, max);
  }

  /** An upstream has given an answer that is not tried again. */
  onAnswer(): void {
    if (this.#undelivered < UNDELIVERED_MAX) this.#undelivered += 1;
  }

  /** Takes one retry, if it is there. `isUndelivered`: the failed try provably never reached an app. */
  take(isUndelivered: boolean): boolean {
    if (isUndelivered) {
      if (this.#undelivered < 1) return false;
      this.#undelivered -= 1;
      return true;
    }
    if (this.#balance < 1) return false;
    this.#balance -= 1;
    return true;
  }
}
