/** Lets a log line that would come with every connection through only now and then. */

export class LogPace {
  readonly #intervalMs: number;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** True at most once in the interval; then the line is to be written. */
  isDue(nowMs: number): boolean {
    if (nowMs - this.#toldAtMs < this.#intervalMs) return false;
    this.#toldAtMs = nowMs;
    return true;
  }
}
