/** TLS handshakes by whether they resumed a session. Series appear with the first handshake. */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";

export class TlsMetrics {
  readonly #downstream: SeriesSource<Counter>;
  readonly #upstream: SeriesSource<Counter>;

  constructor(registry: MetricRegistry) {
    this.#downstream = registry.counter(
      "tulle_downstream_tls_handshakes_total",
      "TLS handshakes that were completed, by listener and by whether a session was resumed.",
    );
    this.#upstream = registry.counter(
      "tulle_upstream_tls_handshakes_total",
      "TLS handshakes that were completed, by cluster and by whether a session was resumed.",
    );
  }

  onDownstream(listener: string, isResumed: boolean): void {
    this.#downstream.with({ listener, session: sessionOf(isResumed) }).value += 1;
  }

  onUpstream(cluster: string, isResumed: boolean): void {
    this.#upstream.with({ cluster, session: sessionOf(isResumed) }).value += 1;
  }
}

function sessionOf(isResumed: boolean): string {
  return isResumed ? "resumed" : "new";
}
