/** The name responders of a proxy by the name of their listener; most have one or none. */
import type { Clock } from "../../core/clock.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { IpAddress } from "../config/address.ts";
import type { DnsConfig } from "../config/dns-filter-config.ts";
import { createDnsMetrics, type DnsMetrics } from "./dns-metrics.ts";
import { DnsServer } from "./dns-server.ts";

export interface DnsListenersOptions {
  readonly clock: Clock;
  readonly registry: MetricRegistry;
  readonly faults: CallbackFaults;
}

export interface DnsListenerStatus {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

interface Held {
  readonly address: IpAddress;
  readonly server: DnsServer;
}

export class DnsListeners {
  readonly #options: DnsListenersOptions;
  readonly #held = new Map<string, Held>();
  readonly #metrics: DnsMetrics;

  constructor(options: DnsListenersOptions) {
    this.#options = options;
    this.#metrics = createDnsMetrics(options.registry);
  }

  get status(): readonly DnsListenerStatus[] {
    return [...this.#held].map(([name, { address, server }]) => ({
      ...{ name, host: address.host, port: server.port },
    }));
  }

  /** In place where only the names differ; elsewhere it is bound before the old one goes. Rejects with MeshError<ListenFailed>. */
  async set(name: string, address: IpAddress, config: DnsConfig): Promise<void> {
    const before = this.#held.get(name);
    if (before?.address.host === address.host && before.address.port === address.port) {
      before.server.config = config;
      return;
    }
    const { clock, faults } = this.#options;
    const metrics = this.#metrics;
    const server = await DnsServer.listen({ address, config, clock, metrics, faults });
    this.#held.set(name, { address, server });
    await before?.server.close();
  }

  async remove(name: string): Promise<void> {
    const held = this.#held.get(name);
    this.#held.delete(name);
    await held?.server.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((name) => this.remove(name)));
  }
}
