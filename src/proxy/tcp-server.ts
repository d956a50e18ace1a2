/** What the connections of one TCP filter chain share: its configuration in force and the proxy's services. */
import type { Prng } from "../core/prng.ts";
import type { NetworkExtAuthzRule } from "../decision/ext-authz/network-ext-authz-rule.ts";
import type { MetricSettings } from "../telemetry/request-metrics-settings.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { TcpProxyConfig } from "./config/tcp-proxy-config.ts";
import type { ConnectionCheckServices } from "./connection-check.ts";
import { ConnectionServer } from "./connection-server.ts";
import type { ExtAuthzMetrics } from "./ext-authz/ext-authz-metrics.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { TcpRecorder } from "./tcp-recorder.ts";

export interface TcpServerOptions {
  readonly config: TcpProxyConfig;
  /** Clusters by name, as they are now. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly recorder: TcpRecorder;
  readonly faults: CallbackFaults;
  readonly checks: readonly NetworkExtAuthzRule[];
  readonly authzMetrics: ExtAuthzMetrics;
}

export class TcpServer extends ConnectionServer {
  /** For the connections from now on. */
  config: TcpProxyConfig;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly recorder: TcpRecorder;
  readonly faults: CallbackFaults;
  /** What connections are asked about from now on. */
  checks: readonly NetworkExtAuthzRule[];
  readonly checkServices: ConnectionCheckServices;

  constructor(options: TcpServerOptions) {
    super();
    this.config = options.config;
    this.clusters = options.clusters;
    this.timers = options.timers;
    this.prng = options.prng;
    this.nowMs = options.nowMs;
    this.recorder = options.recorder;
    this.faults = options.faults;
    this.checks = options.checks;
    const { clusters, nowMs, faults, authzMetrics: metrics } = options;
    this.checkServices = { clusters, nowMs, timers: options.timers.request, faults, metrics };
  }

  useMetrics(settings: MetricSettings): void {
    this.recorder.useMetrics(settings);
  }
}
