/**
 * The multiplexed connections of a pool, and which of them the next request goes to: the fullest below the
 * soft limit, so that what one turn of the event loop produces leaves in few writes and those that are
 * not needed any more become idle; when all are crowded, the one with the least on it.
 */
import { SHARED_CONNECTION_STREAMS_SOFT_MAX } from "../core/limits.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

export class SharedConnections {
  readonly #idleTimeoutMs: number;
  readonly #connections: UpstreamConnection[] = [];
  /** Of the last choice: nothing was below the soft limit, so that another connection would help. */
  isCrowded = false;

  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Full ones included, draining ones not. */
  get count(): number {
    return this.#connections.length;
  }

  get idleCount(): number {
    return this.#connections.filter(({ activeStreams }) => activeStreams === 0).length;
  }

  add(connection: UpstreamConnection): void {
    this.#connections.push(connection);
  }

  /** For a connection that has closed or is draining. */
  remove(connection: UpstreamConnection): void {
    const index = this.#connections.indexOf(connection);
    if (index >= 0) this.#connections.splice(index, 1);
  }

  /** Undefined when none has room. */
  choose(): UpstreamConnection | undefined {
    const connections = this.#connections;
    let best: UpstreamConnection | undefined;
    let bestStreams = 0;
    let isCrowded = true;
    for (const connection of connections) {
      if (connection.room === 0) continue;
      const streams = connection.activeStreams;
      const isGood = streams < SHARED_CONNECTION_STREAMS_SOFT_MAX && !connection.isBlocked;
      const isBetter = isGood
        ? isCrowded || streams > bestStreams
        : isCrowded && (best === undefined || streams < bestStreams);
      if (!isBetter) continue;
      best = connection;
      bestStreams = streams;
      isCrowded = !isGood;
    }
    this.isCrowded = isCrowded;
    return best;
  }

  /**
   * Ends those that are idle too long, and those that are too old where another one takes over. Returns
   * whether an old one waits for a successor.
   */
  sweep(nowMs: number): boolean {
    let needsSuccessor = false;
    for (const connection of [...this.#connections]) {
      const { pooled } = connection;
      const isOld = pooled.isExpired(nowMs);
      const isIdle = connection.activeStreams === 0;
      if (isIdle && (isOld || pooled.hasIdledFor(this.#idleTimeoutMs, nowMs))) {
        this.drain(connection);
      } else if (isOld) {
        if (this.#hasYounger(nowMs)) this.drain(connection);
        else needsSuccessor = true;
      }
    }
    return needsSuccessor;
  }

  /** It takes no request any more, and ends behind its last one. */
  drain(connection: UpstreamConnection): void {
    this.remove(connection);
    connection.drain();
  }

  /** Those that are too old make way, whether or not another one takes over. */
  drainOld(nowMs: number): void {
    for (const connection of [...this.#connections]) {
      if (connection.pooled.isExpired(nowMs)) this.drain(connection);
    }
  }

  drainAll(): void {
    for (const connection of this.#connections.splice(0)) connection.drain();
  }

  #hasYounger(nowMs: number): boolean {
    return this.#connections.some(
      (connection) => connection.room > 0 && !connection.pooled.isExpired(nowMs),
    );
  }
}
