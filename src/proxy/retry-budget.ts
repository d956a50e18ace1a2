/**
 * How much load retries may add to a cluster: Envoy's rule for those under way at once, and a balance that holds over
 * time, however fast failures come. A request brings a part of a retry into the balance, a retry takes a whole one,
 * so that a cluster of which every instance fails gets no more than that part on top, from the first second on. What
 * provably never reached an app adds no load to it: such retries draw on what good answers bring instead, so that one
 * instance that is gone costs nobody a request, and a cluster that is gone is not asked in vain.
 */

/** Good answers that are remembered: as many requests may meet a dead instance at once and still be repeated. */
const UNDELIVERED_MAX = 100;

export interface RetryBudgetOptions {
  /** Retries as a part of requests, 0 to 1. */
  readonly fraction: number;
  /** So many at once are allowed in any case: also what the balance holds at most. */
  readonly concurrencyMin: number;
}

export class RetryBudget {
  readonly #fraction: number;
  readonly #concurrencyMin: number;
  #balance: number;
  #undelivered = UNDELIVERED_MAX;

  constructor({ fraction, concurrencyMin }: RetryBudgetOptions) {
    this.#fraction = fraction;
    this.#concurrencyMin = concurrencyMin;
    this.#balance = concurrencyMin;
  }

  /** A request begins. */
  onRequest(): void {
    this.#balance = Math.min(this.#balance + this.#fraction, this.#balanceMax);
  }

  /** An upstream has given an answer that is not tried again. */
  onAnswer(): void {
    if (this.#undelivered < UNDELIVERED_MAX) this.#undelivered += 1;
  }

  /** Retries that may be under way at once while there are so many requests (Envoy's rule). */
  concurrencyMax(requests: number): number {
    return Math.max(this.#concurrencyMin, Math.trunc(requests * this.#fraction));
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

  get #balanceMax(): number {
    return Math.max(1, this.#concurrencyMin);
  }
}
