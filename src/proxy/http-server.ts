/** What the connections of one listener share: its configuration in force and the proxy's services. */
import { DOWNSTREAM_IDLE_TIMEOUT_MS, REQUEST_HEAD_TIMEOUT_MS } from "../core/limits.ts";
import type { Prng } from "../core/prng.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import type { RouteTable } from "../decision/route-table.ts";
import type { Cluster } from "./cluster.ts";
import type { HttpConfig } from "./http-config.ts";
import type { OutcomeRecorder } from "./outcome-recorder.ts";
import type { RequestOutcome } from "./request-outcome.ts";

export interface ProxyTimers {
  /** Fine ticks, for request timeouts. */
  readonly request: TimerWheel;
  /** Coarse ticks, for idle limits of seconds and more. */
  readonly idle: TimerWheel;
}

export interface ServerConnection {
  drain(): void;
  destroy(): void;
}

export interface HttpServerOptions {
  readonly config: HttpConfig;
  /** Clusters by name, as they are now. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly recorder: OutcomeRecorder;
}

export class HttpServer {
  config: HttpConfig;
  routeTable: RouteTable | undefined;
  isDraining = false;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly connections = new Set<ServerConnection>();
  readonly #recorder: OutcomeRecorder;
  #onEmpty: (() => void) | undefined;

  constructor(options: HttpServerOptions) {
    this.config = options.config;
    this.routeTable = options.config.inlineRoutes;
    this.clusters = options.clusters;
    this.timers = options.timers;
    this.prng = options.prng;
    this.nowMs = options.nowMs;
    this.#recorder = options.recorder;
  }

  get idleTimeoutMs(): number {
    return this.config.connectionIdleTimeoutMs || DOWNSTREAM_IDLE_TIMEOUT_MS;
  }

  get requestHeadTimeoutMs(): number {
    return this.config.requestHeadTimeoutMs || REQUEST_HEAD_TIMEOUT_MS;
  }

  record(outcome: RequestOutcome): void {
    this.#recorder.record(outcome, this.config);
  }

  onConnectionClosed(_connection: ServerConnection): void {
    if (this.connections.size === 0) this.#onEmpty?.();
  }

  /** Finishes what is in flight. Resolves when every connection has ended. */
  async drain(): Promise<void> {
    this.isDraining = true;
    const ended = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    if (this.connections.size === 0) return;
    for (const connection of this.connections) connection.drain();
    await ended;
  }

  destroyConnections(): void {
    for (const connection of this.connections) connection.destroy();
  }
}
