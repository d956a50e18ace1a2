/** Builds clusters from their compiled configuration, and gives them endpoints. */
import type { Prng } from "../core/prng.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { Cluster, type ClusterCounts } from "./cluster.ts";
import type { BalancerName } from "./config/balancer-config.ts";
import type { ClusterConfig } from "./config/cluster-config.ts";
import { createDialer } from "./dialer.ts";
import { Endpoint, type EndpointInfo } from "./endpoint.ts";
import type { EndpointServices } from "./endpoint-services.ts";
import { HostSet } from "./host-set.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { LoadBalancer, LoadBalancerInputs } from "./load-balancer/load-balancer.ts";
import { RandomChoice } from "./load-balancer/random.ts";
import { RoundRobin } from "./load-balancer/round-robin.ts";
import { leastRequestCost, peakEwmaCost, TwoChoices } from "./load-balancer/two-choices.ts";
import type { SecretStore } from "./secret-store.ts";
import type { TlsMetrics } from "./tls-metrics.ts";
import { upstreamConnectionsOf } from "./upstream-codec.ts";
import { UpstreamTls } from "./upstream-tls.ts";

export interface ClusterFactoryOptions {
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly timers: ProxyTimers;
  readonly secrets: SecretStore;
  readonly faults: CallbackFaults;
  readonly tlsMetrics: TlsMetrics;
}

export class ClusterFactory {
  readonly #options: ClusterFactoryOptions;
  readonly #services = new WeakMap<Cluster, EndpointServices>();

  constructor(options: ClusterFactoryOptions) {
    this.#options = options;
  }

  /** `counts` go on from a cluster that this one replaces. */
  create(config: ClusterConfig, counts: ClusterCounts): Cluster {
    const { timers, secrets, nowMs, wallMs, faults, prng } = this.#options;
    const cluster = new Cluster({
      name: config.name,
      service: config.service,
      limits: config.limits,
      counts,
      hosts: new HostSet({
        panicThreshold: config.panicThreshold,
        loadBalancer: createBalancer(config.balancer, this.#options),
      }),
    });
    const onHandshake = (isResumed: boolean): void =>
      this.#options.tlsMetrics.onUpstream(config.name, isResumed);
    const tls =
      config.tls === undefined
        ? undefined
        : new UpstreamTls(config.tls, secrets, wallMs, onHandshake);
    const dialer = createDialer({
      connectTimeoutMs: config.connectTimeoutMs,
      timers: timers.request,
      faults,
      tls,
      proxyHeader: config.proxyHeader,
    });
    this.#services.set(cluster, {
      dialer,
      budget: cluster,
      nowMs,
      wallMs,
      timers,
      prng,
      faults,
      createConnection: upstreamConnectionsOf({
        faults,
        timers,
        prng,
        nowMs,
        http2: config.http.http2,
      }),
      http: config.http,
      rawAlpn: config.tls?.alpnProtocols ?? [],
    });
    this.setEndpoints(cluster, config.endpoints);
    return cluster;
  }

  /** Endpoints that stay keep their connections and averages; those that go finish what they carry. */
  setEndpoints(cluster: Cluster, infos: readonly EndpointInfo[]): void {
    const services = this.#services.get(cluster);
    if (services === undefined) throw new Error(`cluster ${cluster.name} was not made here`);
    const existing = new Map(cluster.endpoints.map((endpoint) => [endpoint.key, endpoint]));
    const endpoints = infos.map((info) => {
      const known = existing.get(`${info.host}:${info.port}`);
      if (known === undefined) return new Endpoint(info, services);
      existing.delete(known.key);
      known.update(info);
      return known;
    });
    cluster.setEndpoints(endpoints);
    for (const gone of existing.values()) gone.remove();
  }
}

function createBalancer(name: BalancerName, inputs: LoadBalancerInputs): LoadBalancer<Endpoint> {
  switch (name) {
    case "round-robin":
      return new RoundRobin<Endpoint>(inputs);
    case "random":
      return new RandomChoice<Endpoint>(inputs);
    case "least-request":
      return new TwoChoices<Endpoint>(inputs, leastRequestCost(inputs.nowMs));
    case "peak-ewma":
      return new TwoChoices<Endpoint>(inputs, peakEwmaCost(inputs.nowMs));
  }
}
