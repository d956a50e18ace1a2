/** A TCP listener that hands out raw connection handles; see socket-reader.ts for why. */
import net from "node:net";
import { MeshError } from "../core/errors.ts";
import { socketFailure, systemError } from "./node-error.ts";

/** The caller may try another address, or the same one later. */
export interface ListenFailed {
  readonly code: "listen-failed";
  readonly address: string;
  readonly reason: string;
}

/** Gets what a listener accepts. */
export interface Acceptor {
  /** Owns the handle from now on. Must not throw. */
  onHandle(handle: object): void;
  /** A connection could not be accepted, as when file descriptors have run out. */
  onAcceptError(reason: string): void;
}

interface AcceptingHandle {
  onconnection: (error: number, handle: object | undefined) => void;
}

/** Connections that may wait to be accepted. The kernel caps it at `somaxconn`. */
const BACKLOG = 4096;

export class TcpListener {
  readonly #server = net.createServer();
  /** May be changed at any time: connections from then on are the new one's. */
  acceptor: Acceptor;

  constructor(acceptor: Acceptor) {
    this.acceptor = acceptor;
  }

  /**
   * Resolves with the bound port. When it is shared, other sockets of the same user may listen on the
   * same address as well, and the kernel deals connections out. Throws MeshError<ListenFailed>.
   */
  async listen(host: string, port: number, isShared = false): Promise<number> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const address = `${host}:${port}`;
        const { reason } = socketFailure(error);
        const detail: ListenFailed = { code: "listen-failed", address, reason };
        reject(new MeshError(detail, `cannot listen on ${address}: ${reason}`, error));
      });
      server.listen({ host, port, backlog: BACKLOG, reusePort: isShared }, resolve);
    });
    return this.#accept(port);
  }

  /** Goes on with a listening socket of another process, which may accept from it as well. */
  async adopt(handle: object): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(handle, BACKLOG, resolve);
    });
    return this.#accept(0);
  }

  /** The listening socket, for another process; undefined before it listens and after it was closed. */
  get handle(): object | undefined {
    return (this.#server as unknown as { _handle: object | null })._handle ?? undefined;
  }

  #accept(port: number): number {
    const server = this.#server;
    // The server's own connection handling would build a socket that reads into fresh buffers.
    const accepting = (server as unknown as { _handle: AcceptingHandle })._handle;
    accepting.onconnection = (error, handle) => {
      if (handle !== undefined) this.acceptor.onHandle(handle);
      else this.acceptor.onAcceptError(socketFailure(systemError(error)).reason);
    };
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** Stops accepting. Connections that were accepted live on. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
