/**
 * A token bucket that fills all the time, as Envoy's: so many at once, then one in each interval. Its whole state is
 * the moment at which it would have been empty, so that neither time nor tokens are rounded away.
 */

/** What rounding may take from an interval: floating point keeps milliseconds of years to a ten-thousandth. */
const ROUNDING_MS = 1e-3;

export interface TokenRate {
  /** At once. 0 for a bucket that never has one. */
  readonly tokensMax: number;
  /** In which one token comes. */
  readonly intervalMs: number;
}

export class TokenBucket {
  readonly tokensMax: number;
  readonly intervalMs: number;
  #emptyAtMs: number;

  /** Full. `nowMs` is monotonic, here and below. */
  constructor({ tokensMax, intervalMs }: TokenRate, nowMs: number) {
    this.tokensMax = tokensMax;
    this.intervalMs = intervalMs;
    this.#emptyAtMs = nowMs - tokensMax * intervalMs;
  }

  /** Whether so many are there. */
  has(nowMs: number, count = 1): boolean {
    return count <= this.tokensMax && this.waitMs(nowMs, count) === 0;
  }

  /** Takes them, whether they are there or not: what is missing is owed. */
  take(nowMs: number, count = 1): void {
    this.#fill(nowMs);
    this.#emptyAtMs += count * this.intervalMs;
  }

  /** Whole tokens that are there. */
  remaining(nowMs: number): number {
    this.#fill(nowMs);
    if (this.tokensMax === 0) return 0;
    return Math.max(0, Math.floor((nowMs - this.#emptyAtMs + ROUNDING_MS) / this.intervalMs));
  }

  /** Milliseconds until so many are there. Infinite for a bucket that never has one. */
  waitMs(nowMs: number, count = 1): number {
    if (this.tokensMax === 0) return Number.POSITIVE_INFINITY;
    this.#fill(nowMs);
    const waitMs = this.#emptyAtMs + count * this.intervalMs - nowMs;
    return waitMs > ROUNDING_MS ? waitMs : 0;
  }

  /** It says nothing that a new one would not. */
  isFull(nowMs: number): boolean {
    return nowMs - this.#emptyAtMs >= this.tokensMax * this.intervalMs - ROUNDING_MS;
  }

  /** What comes to a full bucket is lost. */
  #fill(nowMs: number): void {
    const fullMs = nowMs - this.tokensMax * this.intervalMs;
    if (this.#emptyAtMs < fullMs) this.#emptyAtMs = fullMs;
  }
}
