/** Connections of listeners: accepted, and refused by reason. */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";

export class ListenerMetrics {
  readonly #accepted: Counter;
  readonly #refused: SeriesSource<Counter>;

  constructor(registry: MetricRegistry) {
    this.#accepted = registry
      .counter("tulle_downstream_connections_total", "Connections that were accepted.")
      .with({});
    this.#refused = registry.counter(
      "tulle_downstream_connections_refused_total",
      "Connections that were refused before their first request, by reason.",
    );
  }

  onAccepted(): void {
    this.#accepted.value += 1;
  }

  /** `code` is one of a fixed set: TLS library codes and the peer verifier's. */
  onRefused(code: string): void {
    this.#refused.with({ reason: code }).value += 1;
  }
}
