/**
 * Exceptions in callbacks of the runtime: each ends the connection that it belongs to, is logged with
 * its stack and counted, and never ends the process (T18).
 */
import type { Logger } from "../core/logger.ts";
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

/** What a callback belongs to, and what ends when it throws. */
export interface FaultOwner {
  onFault(error: unknown): void;
}

/** The callback, with its exceptions given to `owner`. Made once per connection, never per request. */
export function guarded<A extends readonly unknown[]>(
  owner: FaultOwner,
  callback: (...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      owner.onFault(error);
    }
  };
}

export class CallbackFaults {
  readonly #log: Logger;
  readonly #count: Counter;

  constructor(registry: MetricRegistry, log: Logger) {
    this.#log = log;
    this.#count = registry
      .counter(
        "tulle_connection_faults_total",
        "Connections that were ended because an exception was thrown while they were served.",
      )
      .with({});
  }

  /** `where` says which part of the proxy threw. */
  report(where: string, error: unknown): void {
    this.#count.value += 1;
    const stack = error instanceof Error ? error.stack : String(error);
    this.#log.error("an error of this proxy ended a connection; please report it", {
      where,
      stack,
    });
  }
}
