/** How a listener refuses connections: counted each time, told in the log, and closed without a word. */
import type { Socket } from "node:net";
import type { Logger } from "../core/logger.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";
import type { LimitRefusal } from "./chain-limits.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import type { ListenerMetrics } from "./listener-metrics.ts";
import { LogPace } from "./log-pace.ts";

/** What may come with every connection is logged at most this often: it repeats until something is freed. */
const LOG_INTERVAL_MS = 10_000;

export interface RefusalDeps {
  readonly log: Logger;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
  /** Of all listeners of this process together. */
  readonly connectionLimit: ConnectionLimit;
}

export class ConnectionRefusals {
  readonly #listener: string;
  readonly #deps: RefusalDeps;
  readonly #acceptErrorPace = new LogPace(LOG_INTERVAL_MS);
  readonly #limitPace = new LogPace(LOG_INTERVAL_MS);

  constructor(listener: string, deps: RefusalDeps) {
    this.#listener = listener;
    this.#deps = deps;
  }

  /** The system gave none. */
  onAcceptError(reason: string): void {
    const { metrics, log, wallMs } = this.#deps;
    metrics.onRefused("accept-failed");
    if (!this.#acceptErrorPace.isDue(wallMs())) return;
    log.error("cannot accept connections", { listener: this.#listener, reason });
  }

  /** For what it is. The socket is its owner's to close. */
  tell(remoteAddress: string, code: string, reason: string): void {
    const { metrics, log } = this.#deps;
    metrics.onRefused(code);
    const listener = this.#listener;
    log.warn("connection refused", { listener, remote: remoteAddress, code, reason });
  }

  /** One too many for this process: nothing of it is read, so that it costs next to nothing. */
  closeSurplus(socket: Socket): void {
    const { connectionLimit, metrics, log, wallMs } = this.#deps;
    metrics.onRefused("connection-limit");
    if (connectionLimit.logPace.isDue(wallMs())) {
      log.warn("connections refused: as many are open as this proxy takes", {
        listener: this.#listener,
        remote: remoteAddressOf(socket),
        limit: connectionLimit.max,
      });
    }
    socket.destroy();
  }

  /** One too many for its filter chain. */
  closeLimited(socket: Socket, { details, policy }: LimitRefusal): void {
    const { metrics, log, wallMs } = this.#deps;
    metrics.onRefused(details);
    if (this.#limitPace.isDue(wallMs())) {
      const remote = remoteAddressOf(socket);
      log.warn("connections refused: a policy limits them", {
        listener: this.#listener,
        ...{ remote, policy, code: details },
      });
    }
    socket.destroy();
  }
}
