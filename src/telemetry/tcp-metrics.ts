/** Istio's TCP metrics. Whoever records keeps the series: bytes are counted as they flow. */
import type { Counter } from "./counter.ts";
import {
  EXPIRES,
  type MetricRegistry,
  type MetricSource,
  type SeriesSource,
} from "./metric-registry.ts";
import { endLabels, type ReportedEnds } from "./request-metrics.ts";
import { counterOf, PLAIN_METRICS } from "./request-metrics-settings.ts";

export interface TcpLabels extends ReportedEnds {
  readonly responseFlags: string;
  readonly securityPolicy: "mutual_tls" | "none" | "unknown";
}

export interface TcpSeries {
  readonly opened: Counter;
  readonly closed: Counter;
  /** To the client, as Istio counts. */
  readonly sent: Counter;
  /** From the client. */
  readonly received: Counter;
}

export class TcpMetrics {
  readonly #opened: SeriesSource<Counter>;
  readonly #closed: SeriesSource<Counter>;
  readonly sent: MetricSource<Counter>;
  readonly received: MetricSource<Counter>;

  constructor(registry: MetricRegistry) {
    this.#opened = registry.counter(
      "istio_tcp_connections_opened_total",
      "TCP connections, counted when the upstream is connected or has failed.",
      EXPIRES,
    );
    this.#closed = registry.counter(
      "istio_tcp_connections_closed_total",
      "TCP connections, counted when they end.",
      EXPIRES,
    );
    this.sent = registry.counter(
      "istio_tcp_sent_bytes_total",
      "Bytes that servers sent to clients over TCP connections.",
      EXPIRES,
    );
    this.received = registry.counter(
      "istio_tcp_received_bytes_total",
      "Bytes that servers received from clients over TCP connections.",
      EXPIRES,
    );
  }

  series(labels: TcpLabels, settings = PLAIN_METRICS): TcpSeries {
    // Istio's TCP families have no response_code and no grpc_response_status.
    const set = {
      ...endLabels(labels),
      request_protocol: "tcp",
      response_flags: labels.responseFlags,
      connection_security_policy: labels.securityPolicy,
    };
    return {
      opened: counterOf(this.#opened, "TCP_OPENED_CONNECTIONS", set, settings),
      closed: counterOf(this.#closed, "TCP_CLOSED_CONNECTIONS", set, settings),
      sent: counterOf(this.sent, "TCP_SENT_BYTES", set, settings),
      received: counterOf(this.received, "TCP_RECEIVED_BYTES", set, settings),
    };
  }
}
