/**
 * Which metrics are told, by the settings of the listeners in force: a change gives up what was counted under labels of
 * before, and names of other systems are made when somebody first asks for them.
 */
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import type { RequestMetrics } from "../telemetry/request-metrics.ts";
import { registerKialiMetrics } from "../telemetry/request-metrics-kiali.ts";
import type { RouteMetrics } from "../telemetry/request-metrics-routes.ts";
import { type MetricSettings, PLAIN_METRICS } from "../telemetry/request-metrics-settings.ts";
import type { TcpMetrics } from "../telemetry/tcp-metrics.ts";
import type { Cluster } from "./cluster.ts";
import { registerEnvoyMetrics } from "./envoy-metrics.ts";

export interface MetricUser {
  useMetrics(settings: MetricSettings): void;
}

export interface CompatibilityOptions {
  readonly registry: MetricRegistry;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly requests: RequestMetrics;
  readonly routes: RouteMetrics;
  readonly tcp: TcpMetrics;
  /** Downstream connections at the moment. */
  readonly connectionCount: () => number;
}

export class CompatibilityMetrics {
  readonly #options: CompatibilityOptions;
  readonly #settings = new WeakMap<MetricUser, MetricSettings>();
  #hasEnvoy = false;
  #hasKiali = false;

  constructor(options: CompatibilityOptions) {
    this.#options = options;
  }

  /** For a server of connections that is new, or goes on with another configuration. */
  readonly apply = (user: MetricUser, settings: MetricSettings = PLAIN_METRICS): void => {
    const before = this.#settings.get(user);
    if (before?.text === settings.text) return;
    this.#settings.set(user, settings);
    user.useMetrics(settings);
    if (before !== undefined) this.#options.registry.expireAll();
    const { registry, requests, tcp } = this.#options;
    if (settings.isForKiali && !this.#hasKiali) {
      this.#hasKiali = true;
      registerKialiMetrics(registry, {
        ...{ requests: requests.requests, sent: tcp.sent, received: tcp.received },
      });
    }
    if (settings.isForEnvoy && !this.#hasEnvoy) {
      this.#hasEnvoy = true;
      registerEnvoyMetrics(this.#options);
    }
  };
}
