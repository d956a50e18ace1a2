/** Messages of one gRPC stream, counted by their prefixes as the bytes pass, in both directions. */
import type {
  MessageMetrics,
  MessageSeries,
  MessageStream,
} from "../telemetry/request-metrics-messages.ts";

/** Flag of compression and length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

export class MessageCount {
  /** Messages that have begun: of a stream that breaks off, the last as well. */
  value = 0;
  /** What is still to come of the message. */
  #left = 0;
  #prefixBytes = 0;
  #length = 0;

  clear(): void {
    this.value = 0;
    this.#left = 0;
    this.#prefixBytes = 0;
    this.#length = 0;
  }

  take(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        this.#left -= step;
        at += step;
        continue;
      }
      if (this.#prefixBytes > 0) this.#length = this.#length * 256 + bytes[at]!;
      this.#prefixBytes += 1;
      at += 1;
      if (this.#prefixBytes < PREFIX_BYTES) continue;
      this.value += 1;
      this.#left = this.#length;
      this.#prefixBytes = 0;
      this.#length = 0;
    }
  }
}

export class OutcomeMessages implements MessageStream {
  readonly request = new MessageCount();
  readonly response = new MessageCount();
  readonly #metrics: MessageMetrics;
  readonly #seriesOf: () => MessageSeries | undefined;
  #toldRequests = 0;
  #toldResponses = 0;
  #isActive = false;

  /** `seriesOf` is undefined while it is not known who answers. */
  constructor(metrics: MessageMetrics, seriesOf: () => MessageSeries | undefined) {
    this.#metrics = metrics;
    this.#seriesOf = seriesOf;
  }

  /** For the next stream. `end` follows. */
  begin(): void {
    this.request.clear();
    this.response.clear();
    this.#toldRequests = 0;
    this.#toldResponses = 0;
    this.#isActive = true;
    this.#metrics.streams.add(this);
  }

  tell(): void {
    const requests = this.request.value - this.#toldRequests;
    const responses = this.response.value - this.#toldResponses;
    if (requests === 0 && responses === 0) return;
    const series = this.#seriesOf();
    if (series === undefined) return;
    this.#toldRequests += requests;
    this.#toldResponses += responses;
    series.requests.value += requests;
    series.responses.value += responses;
  }

  end(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#metrics.streams.delete(this);
    this.tell();
  }
}
