/** One connection that is kept: TCP, TLS or a unix socket. Opened when it is needed, and anew after it has ended. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type TlsFiles, tlsMaterial } from "./http/credentials.ts";

export type StreamPlace =
  | { readonly transport: "Tcp"; readonly host: string; readonly port: number }
  | {
      readonly transport: "Tls";
      readonly host: string;
      readonly port: number;
      readonly tls: TlsFiles | undefined;
    }
  | { readonly transport: "Unix"; readonly path: string };

export class StreamSocket {
  readonly #place: StreamPlace;
  #socket: Socket | undefined;

  constructor(place: StreamPlace) {
    this.#place = place;
  }

  /** Rejects when it cannot be opened; `onFresh` is called with each new one. */
  async connected(
    signal: AbortSignal,
    onFresh: (socket: Socket) => void,
  ): Promise<{ readonly socket: Socket; readonly isFresh: boolean }> {
    const open = this.#socket;
    // One that the other side has ended could still be written to, for nothing.
    if (open?.writable === true && !open.readableEnded) return { socket: open, isFresh: false };
    open?.destroy();
    const socket = this.#open();
    this.#socket = socket;
    const event = this.#place.transport === "Tls" ? "secureConnect" : "connect";
    await new Promise<void>((resolve, reject) => {
      const aborted = (): void => {
        socket.destroy(signal.reason instanceof Error ? signal.reason : new Error("stopped"));
      };
      const done = (error?: Error): void => {
        signal.removeEventListener("abort", aborted);
        if (error === undefined) resolve();
        else reject(error);
      };
      signal.addEventListener("abort", aborted);
      socket.once(event, () => done());
      socket.once("error", done);
      socket.once("close", () => done(new Error("the connection was closed")));
      if (signal.aborted) aborted();
    });
    // Later ones come to whoever writes, or reads.
    socket.on("error", () => undefined);
    onFresh(socket);
    return { socket, isFresh: true };
  }

  /** The next one that needs it opens another. */
  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    const place = this.#place;
    switch (place.transport) {
      case "Unix":
        return connect({ path: place.path });
      case "Tcp":
        return connect({ host: place.host, port: place.port, keepAlive: true });
      case "Tls": {
        const { host, port, tls } = place;
        const material = tlsMaterial(tls);
        // RFC 6066 section 3: an address is no server name.
        const servername = material.servername ?? (isIP(host) === 0 ? host : "");
        return connectTls({ host, port, ...material, servername, minVersion: "TLSv1.2" });
      }
    }
  }
}

/** For people. */
export function placeText(place: StreamPlace): string {
  if (place.transport === "Unix") return `unix:${place.path}`;
  return `${place.transport.toLowerCase()} ${place.host}:${place.port}`;
}
