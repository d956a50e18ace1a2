/** Istio's counts of gRPC messages, which grow while a stream lives. */
import type { Counter } from "./counter.ts";
import { EXPIRES, type MetricRegistry, type SeriesSource } from "./metric-registry.ts";
import { endLabels, type ReportedEnds } from "./request-metrics.ts";
import { counterOf, PLAIN_METRICS } from "./request-metrics-settings.ts";

export interface MessageSeries {
  readonly requests: Counter;
  readonly responses: Counter;
}

/** A stream under way, whose messages are counted in when somebody reads the metrics. */
export interface MessageStream {
  tell(): void;
}

export class MessageMetrics {
  readonly #requests: SeriesSource<Counter>;
  readonly #responses: SeriesSource<Counter>;
  /** Whoever adds a stream takes it out again. */
  readonly streams = new Set<MessageStream>();

  constructor(registry: MetricRegistry) {
    this.#requests = registry.counter(
      "istio_request_messages_total",
      "Messages of gRPC that clients sent.",
      EXPIRES,
    );
    this.#responses = registry.counter(
      "istio_response_messages_total",
      "Messages of gRPC that servers sent.",
      EXPIRES,
    );
    registry.onCollect(() => {
      for (const stream of this.streams) stream.tell();
    });
  }

  /** Istio's families of messages have the labels of both ends and no others. */
  series(ends: ReportedEnds, settings = PLAIN_METRICS): MessageSeries {
    const labels = endLabels(ends);
    return {
      requests: counterOf(this.#requests, "GRPC_REQUEST_MESSAGES", labels, settings),
      responses: counterOf(this.#responses, "GRPC_RESPONSE_MESSAGES", labels, settings),
    };
  }
}
