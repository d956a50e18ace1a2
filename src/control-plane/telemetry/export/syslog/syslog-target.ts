/** Syslog by UDP (RFC 5426), TCP and unix stream sockets (octet counting, RFC 6587), and TLS (RFC 5425). Nothing is acknowledged. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { isIPv6, type Socket } from "node:net";
import type { ExportTarget, SendOutcome } from "../export-target.ts";
import { TAKEN } from "../export-target.ts";
import { placeText, type StreamPlace, StreamSocket } from "../stream-socket.ts";

/** RFC 5426 section 3.2: more than 2048 need not be taken; what does not fit is cut off the message. */
const UDP_BYTES_MAX = 8192;

export type SyslogPlace =
  | { readonly transport: "Udp"; readonly host: string; readonly port: number }
  | StreamPlace;

/** Of messages that are encoded already. */
export function createSyslogTarget(place: SyslogPlace): ExportTarget {
  return place.transport === "Udp" ? new DatagramTarget(place) : new StreamTarget(place);
}

class DatagramTarget implements ExportTarget {
  readonly place: string;
  readonly #to: { readonly host: string; readonly port: number };
  #socket: UdpSocket | undefined;

  constructor(to: { readonly host: string; readonly port: number }) {
    this.#to = to;
    this.place = `syslog udp ${to.host}:${to.port}`;
  }

  async send(batch: readonly Buffer[]): Promise<SendOutcome> {
    for (const message of batch) await this.#sendOne(message);
    return TAKEN;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #sendOne(message: Buffer): Promise<void> {
    const { host, port } = this.#to;
    this.#socket ??= createSocket(isIPv6(host) ? "udp6" : "udp4").on("error", () => undefined);
    const socket = this.#socket;
    const size = Math.min(message.length, UDP_BYTES_MAX);
    return new Promise((resolve, reject) => {
      socket.send(message, 0, size, port, host, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }
}

class StreamTarget implements ExportTarget {
  readonly place: string;
  readonly #stream: StreamSocket;

  constructor(place: StreamPlace) {
    this.place = `syslog ${placeText(place)}`;
    this.#stream = new StreamSocket(place);
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    // A collector says nothing; what it closes is opened again.
    const { socket } = await this.#stream.connected(signal, (fresh) => fresh.resume());
    const frames = batch.flatMap((message) => [Buffer.from(`${message.length} `), message]);
    await written(socket, Buffer.concat(frames), signal);
    return TAKEN;
  }

  close(): void {
    this.#stream.close();
  }
}

/** Handed to the system. Rejects when the connection ends before, or the time is over. */
export function written(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null): void => {
      socket.off("error", end);
      socket.off("close", closed);
      signal.removeEventListener("abort", aborted);
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
    const closed = (): void => end(new Error("the connection was closed"));
    // Half a message is on its way: nothing else may follow it on this connection.
    const aborted = (): void => {
      socket.destroy();
      end(signal.reason instanceof Error ? signal.reason : new Error("it took too long"));
    };
    socket.once("error", end);
    socket.once("close", closed);
    signal.addEventListener("abort", aborted);
    socket.write(bytes, end);
  });
}
