/** What the connections of one TCP filter chain share: its configuration in force and the proxy's services. */
import type { Prng } from "../core/prng.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { TcpProxyConfig } from "./config/tcp-proxy-config.ts";
import type { ProxyTimers, ServerConnection } from "./http-server.ts";
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
}

export class TcpServer {
  /** For the connections from now on. */
  config: TcpProxyConfig;
  isDraining = false;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly recorder: TcpRecorder;
  readonly faults: CallbackFaults;
  readonly connections = new Set<ServerConnection>();
  readonly #onEmpty = new Set<() => void>();

  constructor(options: TcpServerOptions) {
    this.config = options.config;
    this.clusters = options.clusters;
    this.timers = options.timers;
    this.prng = options.prng;
    this.nowMs = options.nowMs;
    this.recorder = options.recorder;
    this.faults = options.faults;
  }

  onConnectionClosed(connection: ServerConnection): void {
    this.connections.delete(connection);
    if (this.connections.size > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty.clear();
  }

  /** Nobody can tell where a TCP connection may be cut: waits until its ends have closed it. */
  async drain(): Promise<void> {
    this.isDraining = true;
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.add(resolve));
  }

  destroyConnections(): void {
    for (const connection of this.connections) connection.destroy();
  }
}
