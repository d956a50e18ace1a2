/** How a listener refuses connections: counted each time, told in the log, and closed without a word. */
import type { Socket } from "node:net";
import type { Logger } from "../core/logger.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";
import type { LimitRefusal } from "./chain-limits.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import type { ListenerMetrics } from "./listener-metrics.ts";
import { LogPace } from "./log-pace.ts";
import type { MtlsMetrics } from "./mtls-metrics.ts";
import type { MtlsMismatch } from "./mtls-mismatch.ts";

/** What may come with every connection is logged at most this often: it repeats until something is freed. */
const LOG_INTERVAL_MS = 10_000;

export interface RefusalDeps {
  readonly log: Logger;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
  readonly mtlsMetrics: MtlsMetrics;
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

  /**
   * For what it is. The socket is its owner's to close. `mismatch`: the caller came with something else than the
   * listener takes; then both sides are told, and the object to change.
   */
  tell(remoteAddress: string, code: string, reason: string, mismatch?: MtlsMismatch): void {
    const { metrics, mtlsMetrics, log } = this.#deps;
    metrics.onRefused(code);
    const listener = this.#listener;
    const refusal = { listener, remote: remoteAddress, code, reason };
    if (mismatch === undefined) {
      log.warn("connection refused", refusal);
      return;
    }
    const { arrived, mode, object } = mismatch;
    mtlsMetrics.onMismatch(listener, mismatch, hostOf(remoteAddress));
    log.warn("connection refused", { ...refusal, arrived, mode, change: object });
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

/** Without the port. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
}
