/** Metric series of one pair of workloads by outcome, with the last one at hand: outcomes repeat. */
import type { RequestSeries } from "../telemetry/request-metrics.ts";
import type { MessageSeries } from "../telemetry/request-metrics-messages.ts";

export class OutcomeSeries {
  readonly #series = new Map<number, RequestSeries>();
  #lastKey = -1;
  #last: RequestSeries | undefined;
  /** Of gRPC, whatever its outcome. */
  messages: MessageSeries | undefined;

  /** Undefined for one that was idle for so long that its family has given it up. `grpcResult`: the code of gRPC, -1 for none, or -2 for other requests. */
  get(status: number, flag: number, grpcResult: number): RequestSeries | undefined {
    const key = keyOf(status, flag, grpcResult);
    if (key !== this.#lastKey) {
      const series = this.#series.get(key);
      if (series === undefined) return undefined;
      this.#lastKey = key;
      this.#last = series;
    }
    const last = this.#last;
    return last === undefined || last.requests.isExpired || last.duration.isExpired
      ? undefined
      : last;
  }

  set(status: number, flag: number, grpcResult: number, series: RequestSeries): void {
    const key = keyOf(status, flag, grpcResult);
    this.#series.set(key, series);
    this.#lastKey = key;
    this.#last = series;
  }
}

/** Statuses have three digits, there are fewer than 64 flags and 32 codes of gRPC. */
function keyOf(status: number, flag: number, grpcResult: number): number {
  return (status * 64 + flag) * 32 + grpcResult + 2;
}
