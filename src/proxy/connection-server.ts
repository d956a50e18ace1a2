/** What serves connections, whatever they carry: which there are, and how they end. */

export interface ServerConnection {
  /** Ends when what it carries is done. */
  drain(): void;
  /** Cuts it. */
  destroy(): void;
}

export abstract class ConnectionServer {
  /** Whoever can be told to go elsewhere is. */
  isDraining = false;
  readonly connections = new Set<ServerConnection>();
  readonly #onEmpty = new Set<() => void>();

  onConnectionClosed(connection: ServerConnection): void {
    this.connections.delete(connection);
    if (this.connections.size > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty.clear();
  }

  /** Finishes what is in flight. Resolves when every connection has ended. */
  async drain(): Promise<void> {
    this.isDraining = true;
    if (this.connections.size === 0) return;
    const ended = new Promise<void>((resolve) => this.#onEmpty.add(resolve));
    for (const connection of this.connections) connection.drain();
    await ended;
  }

  destroyConnections(): void {
    for (const connection of this.connections) connection.destroy();
  }
}
