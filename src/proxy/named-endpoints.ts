/** The clusters whose endpoints are names, each with its resolutions. Nothing is loaded until there is one. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { ClusterConfig } from "./config/cluster-config.ts";
import { DnsDiscovery } from "./dns-discovery.ts";
import type { EndpointInfo } from "./endpoint.ts";
import { createResolveName, type ResolveName } from "./resolve-name.ts";

export interface NamedEndpointsOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly setEndpoints: (clusterName: string, endpoints: readonly EndpointInfo[]) => void;
}

export class NamedEndpoints {
  readonly #options: NamedEndpointsOptions;
  readonly #discoveries = new Map<string, DnsDiscovery>();
  #resolve: ResolveName | undefined;

  constructor(options: NamedEndpointsOptions) {
    this.#options = options;
  }

  /** A cluster came or changed. */
  follow({ name, dns, namedEndpoints }: ClusterConfig): void {
    this.forget(name);
    if (dns === undefined) return;
    this.#resolve ??= createResolveName();
    const { clock, prng, log, setEndpoints } = this.#options;
    const discovery = new DnsDiscovery({
      clusterName: name,
      settings: dns,
      endpoints: namedEndpoints,
      resolve: this.#resolve,
      ...{ clock, prng },
      log: log.child("dns"),
      onEndpoints: (endpoints) => setEndpoints(name, endpoints),
    });
    this.#discoveries.set(name, discovery);
    discovery.start();
  }

  forget(clusterName: string): void {
    this.#discoveries.get(clusterName)?.stop();
    this.#discoveries.delete(clusterName);
  }

  stop(): void {
    for (const discovery of this.#discoveries.values()) discovery.stop();
    this.#discoveries.clear();
  }
}
