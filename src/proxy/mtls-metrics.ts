/** Who comes in plain text where it is let in, and who comes with what is not taken: by address, a bounded number of them. */
import { MTLS_SOURCES_MAX } from "../core/limits.ts";
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";
import type { ListenerMtls, MtlsMismatch } from "./mtls-mismatch.ts";

/** All addresses beyond the bound together. */
const OTHERS = "other";

export class MtlsMetrics {
  readonly #plain: SeriesSource<Counter>;
  readonly #mismatches: SeriesSource<Counter>;
  readonly #sources = new Set<string>();

  constructor(registry: MetricRegistry) {
    this.#plain = registry.counter(
      "tulle_plaintext_connections_total",
      "Connections in plain text to a port that takes mutual TLS as well (PERMISSIVE), by the object that says so and the address that they come from.",
    );
    this.#mismatches = registry.counter(
      "tulle_mtls_mismatches_total",
      "Connections that were refused because a port takes something else, by what arrived, the port's mode, the object that says so and the address that they come from.",
    );
  }

  onPlainText(listener: string, { object }: ListenerMtls, address: string): void {
    this.#plain.with({
      listener,
      policy: object,
      source_address: this.#bounded(address),
    }).value += 1;
  }

  onMismatch(listener: string, { mode, object, arrived }: MtlsMismatch, address: string): void {
    const source_address = this.#bounded(address);
    this.#mismatches.with({ listener, mode, policy: object, arrived, source_address }).value += 1;
  }

  #bounded(address: string): string {
    if (this.#sources.has(address)) return address;
    if (this.#sources.size >= MTLS_SOURCES_MAX) return OTHERS;
    this.#sources.add(address);
    return address;
  }
}
