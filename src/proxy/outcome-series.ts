/** Metric series of one pair of workloads by outcome, with the last one at hand: outcomes repeat. */
import type { RequestSeries } from "../telemetry/request-metrics.ts";

export class OutcomeSeries {
  readonly #series = new Map<number, RequestSeries>();
  #lastKey = -1;
  #last: RequestSeries | undefined;

  /** `grpcResult`: the code of gRPC, -1 for none, or -2 for other requests. */
  get(status: number, flag: number, grpcResult: number): RequestSeries | undefined {
    const key = keyOf(status, flag, grpcResult);
    if (key === this.#lastKey) return this.#last;
    const series = this.#series.get(key);
    if (series !== undefined) {
      this.#lastKey = key;
      this.#last = series;
    }
    return series;
  }

  set(status: number, flag: number, grpcResult: number, series: RequestSeries): void {
    this.#series.set(keyOf(status, flag, grpcResult), series);
  }
}

/** Statuses have three digits, there are fewer than 64 flags and 32 codes of gRPC. */
function keyOf(status: number, flag: number, grpcResult: number): number {
  return (status * 64 + flag) * 32 + grpcResult + 2;
}
