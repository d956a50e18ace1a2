/**
 * Listening sockets that an earlier process of the same sidecar had, open in this one too. Both processes accept from
 * one queue, so that no connection is refused or lost while one comes and the other goes.
 */
import type { Closable, OpenSocket, SocketDescription } from "./messages.ts";

export class InheritedSockets {
  readonly #sockets = new Map<string, OpenSocket>();

  add(socket: SocketDescription, handle: object): void {
    this.#sockets.set(keyOf(socket), { ...socket, handle });
  }

  /** The socket, which is the caller's from now on; undefined when the address was not listened on. */
  take(socket: SocketDescription): object | undefined {
    const key = keyOf(socket);
    const found = this.#sockets.get(key);
    this.#sockets.delete(key);
    return found?.handle;
  }

  /** All that a worker with this index had, which are the caller's from now on. */
  takeOf(worker: number): readonly OpenSocket[] {
    const found = [...this.#sockets].filter(([, socket]) => socket.worker === worker);
    for (const [key] of found) this.#sockets.delete(key);
    return found.map(([, socket]) => socket);
  }

  /** How many workers the process before this one had, 0 for none beside it; undefined when it did not listen. */
  get workers(): number | undefined {
    const listening = [...this.#sockets.values()].filter(({ purpose }) => purpose === "listener");
    if (listening.length === 0) return undefined;
    return 1 + Math.max(...listening.map(({ worker = -1 }) => worker));
  }

  /** Closes what nobody has taken: the configuration has changed. */
  closeRest(): void {
    for (const { handle } of this.#sockets.values()) (handle as Closable).close();
    this.#sockets.clear();
  }
}

/** An address belongs to one listener, whatever its name is now; of those with port 0 only the name is known. */
function keyOf({ purpose, name, host, port, worker = -1 }: SocketDescription): string {
  const place = port === 0 ? `${name} ${host}` : `${host}:${port}`;
  return `${purpose} ${worker} ${place}`;
}
