/** Connections of listeners: accepted, by what they turned out to speak, and refused by reason. */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";

/** What a connection carries: "tls" is passed through, "tcp" is opaque. */
export type DownstreamProtocol = "http/1.1" | "h2" | "tls" | "tcp";

const PROTOCOLS: readonly DownstreamProtocol[] = ["http/1.1", "h2", "tls", "tcp"];

/** Connections of one listener by protocol. */
export type ProtocolCounters = Readonly<Record<DownstreamProtocol, Counter>>;

export class ListenerMetrics {
  readonly #accepted: SeriesSource<Counter>;
  readonly #refused: SeriesSource<Counter>;
  readonly #byListener = new Map<string, ProtocolCounters>();

  constructor(registry: MetricRegistry) {
    this.#accepted = registry.counter(
      "tulle_downstream_connections_total",
      "Connections that were accepted, by listener and by the protocol that they were declared or found to speak.",
    );
    this.#refused = registry.counter(
      "tulle_downstream_connections_refused_total",
      "Connections that were refused before their first request, by reason.",
    );
  }

  /** Those of one listener, also of those that are gone. */
  protocolsOf(listener: string): ProtocolCounters {
    const known = this.#byListener.get(listener);
    if (known !== undefined) return known;
    const counters = Object.fromEntries(
      PROTOCOLS.map((protocol) => [protocol, this.#accepted.with({ listener, protocol })]),
    ) as Record<DownstreamProtocol, Counter>;
    this.#byListener.set(listener, counters);
    return counters;
  }

  /** `code` is one of a fixed set: TLS library codes, the peer verifier's, and faults in first bytes. */
  onRefused(code: string): void {
    this.#refused.with({ reason: code }).value += 1;
  }
}
