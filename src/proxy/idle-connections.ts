/**
 * Idle connections that carry one request at a time. The one that became idle last is used first: the
 * others age out, and what is warm stays warm.
 */
import { IDLE_CONNECTIONS_PER_ENDPOINT_MAX } from "../core/limits.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** A peer that told its idle limit may close this much before it: its clock runs from its own last byte. */
const PEER_IDLE_MARGIN_MS = 1_000;

export class IdleConnections {
  readonly #idleTimeoutMs: number;
  readonly #connections: UpstreamConnection[] = [];

  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  get count(): number {
    return this.#connections.length;
  }

  /** Ends the connection where there is no place for it. */
  push(connection: UpstreamConnection, nowMs: number): void {
    const notes = connection.pooled;
    if (this.#connections.length >= IDLE_CONNECTIONS_PER_ENDPOINT_MAX || notes.isExpired(nowMs)) {
      connection.destroy();
      return;
    }
    notes.becomeIdle(nowMs);
    this.#connections.push(connection);
  }

  /** The newest that is still good. Those that are not are ended on the way. */
  pop(nowMs: number): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#connections.pop();
      if (connection === undefined) return undefined;
      if (!connection.isClosed && !this.#isStale(connection, nowMs)) return connection;
      connection.destroy();
    }
  }

  /** For a connection that has closed, idle or not. */
  remove(connection: UpstreamConnection): void {
    const index = this.#connections.lastIndexOf(connection);
    if (index >= 0) this.#connections.splice(index, 1);
  }

  /** Ends those that were idle too long. They leave when they have closed. */
  sweep(nowMs: number): void {
    for (const connection of this.#connections) {
      if (this.#isStale(connection, nowMs)) connection.destroy();
    }
  }

  /** Ends all of them. */
  clear(): void {
    for (const connection of this.#connections.splice(0)) connection.destroy();
  }

  /** The peer's own limit counts too, with a margin: a request must not meet its closing. */
  #isStale(connection: UpstreamConnection, nowMs: number): boolean {
    const { pooled } = connection;
    const told = connection.peerIdleLimitMs;
    const marginMs = Math.min(PEER_IDLE_MARGIN_MS, told / 2);
    const ownMs = this.#idleTimeoutMs;
    const limitMs = told === 0 ? ownMs : Math.min(ownMs, told - marginMs);
    return pooled.hasIdledFor(limitMs, nowMs) || pooled.isExpired(nowMs);
  }
}
