/** What serves connections, whatever they carry: which there are, and how they end. */

import type { RbacConnection } from "../decision/rbac/rbac-connection.ts";
import {
  ALLOWS_ALL,
  type ChainAuthorization,
  type ConnectionDenial,
} from "./chain-authorization.ts";

export interface ServerConnection {
  /** What it may be served for. Absent until its protocol is known. */
  readonly connection?: RbacConnection;
  /** Its client can be told that no more is taken without losing what is on its way (RFC 9113 section 6.8). */
  readonly isMultiplexed?: boolean;
  /** Ends when what it carries is done. */
  drain(): void;
  /** Streams whose clients can be told to ask again end with that. */
  endStreams?(): void;
  /** Tunnels that filters would not let in any more end. */
  judgeTunnels?(): void;
  /** Cuts it, because policy does not allow it any more. */
  revoke?(denial: ConnectionDenial): void;
  /** Cuts it. */
  destroy(): void;
}

export abstract class ConnectionServer {
  /** Whoever can be told to go elsewhere is. */
  isDraining = false;
  /** Another process serves new connections: whoever can be sent there is, at once. */
  isReplaced = false;
  readonly connections = new Set<ServerConnection>();
  /** Which connections are served at all. */
  #authorization: ChainAuthorization = ALLOWS_ALL;
  readonly #onEmpty = new Set<() => void>();

  get authorization(): ChainAuthorization {
    return this.#authorization;
  }

  /** Connections that are not allowed any more are closed. */
  authorize(authorization: ChainAuthorization): void {
    this.#authorization = authorization;
    for (const served of this.connections) {
      const { connection } = served;
      if (connection === undefined || authorization.allows(connection)) continue;
      const denial = authorization.judge(connection);
      if (denial === undefined || served.revoke === undefined) served.destroy();
      else served.revoke(denial);
    }
  }

  onConnectionClosed(connection: ServerConnection): void {
    this.connections.delete(connection);
    if (this.connections.size > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty.clear();
  }

  /**
   * Sends clients to the process that came after this one. An idle HTTP/1.1 connection cannot be told: closing it may
   * cross with a request, so it stays until its next response, or until it is drained.
   */
  replace(): void {
    this.isDraining = true;
    this.isReplaced = true;
    for (const connection of this.connections) if (connection.isMultiplexed) connection.drain();
  }

  /** Finishes what is in flight. Resolves when every connection has ended. */
  async drain(): Promise<void> {
    this.isDraining = true;
    if (this.connections.size === 0) return;
    const ended = new Promise<void>((resolve) => this.#onEmpty.add(resolve));
    for (const connection of this.connections) connection.drain();
    await ended;
  }

  /** Time is over for streams that would go on. */
  endStreams(): void {
    for (const connection of this.connections) connection.endStreams?.();
  }

  destroyConnections(): void {
    for (const connection of this.connections) connection.destroy();
  }
}
