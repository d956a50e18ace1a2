/** Metric series of one pair of workloads by outcome, with the last one at hand: outcomes repeat. */
import type { RequestSeries } from "../telemetry/request-metrics.ts";

export class OutcomeSeries {
  readonly #series = new Map<number, RequestSeries>();
  #lastKey = -1;
  #last: RequestSeries | undefined;

  get(status: number, flag: number): RequestSeries | undefined {
    const key = status * 64 + flag;
    if (key === this.#lastKey) return this.#last;
    const series = this.#series.get(key);
    if (series !== undefined) {
      this.#lastKey = key;
      this.#last = series;
    }
    return series;
  }

  set(status: number, flag: number, series: RequestSeries): void {
    this.#series.set(status * 64 + flag, series);
  }
}
