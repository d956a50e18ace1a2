/**
 * Listening sockets that an earlier process of the same sidecar had, open in this one too. Both processes accept from
 * one queue, so that no connection is refused or lost while one comes and the other goes.
 */
import type { SocketDescription } from "./messages.ts";

interface Closable {
  close(): void;
}

export class InheritedSockets {
  readonly #handles = new Map<string, object>();

  add(socket: SocketDescription, handle: object): void {
    this.#handles.set(keyOf(socket), handle);
  }

  /** The socket, which is the caller's from now on; undefined when the address was not listened on. */
  take(socket: SocketDescription): object | undefined {
    const key = keyOf(socket);
    const handle = this.#handles.get(key);
    this.#handles.delete(key);
    return handle;
  }

  /** Closes what nobody has taken: the configuration has changed. */
  closeRest(): void {
    for (const handle of this.#handles.values()) (handle as Closable).close();
    this.#handles.clear();
  }
}

/** An address belongs to one listener, whatever its name is now; of those with port 0 only the name is known. */
function keyOf({ purpose, name, host, port }: SocketDescription): string {
  return port === 0 ? `${purpose} ${name} ${host}` : `${purpose} ${host}:${port}`;
}
