/**
 * One bound name responder: a UDP socket and a TCP listener on the same port. The port may be shared with other
 * processes of the same user: with other workers, and with the process that takes this one's place.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors.ts";
import { DNS_QUERY_BYTES_MAX, DNS_TCP_CONNECTIONS_MAX } from "../../core/limits.ts";
import { socketFailure } from "../../net/node-error.ts";
import type { ListenFailed } from "../../net/tcp-listener.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { IpAddress } from "../config/address.ts";
import type { DnsConfig } from "../config/dns-filter-config.ts";
import type { DnsMetrics } from "./dns-metrics.ts";
import { Forwarder } from "./forwarder.ts";
import { Responder } from "./responder.ts";
import { serveTcpQueries } from "./tcp-queries.ts";

export interface DnsServerOptions {
  readonly address: IpAddress;
  readonly config: DnsConfig;
  readonly clock: Clock;
  readonly metrics: DnsMetrics;
  readonly faults: CallbackFaults;
}

/** Port 0 is given by the kernel to UDP first, and TCP may have it taken: so often another one is tried. */
const PORT_TRIES = 8;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #responder: Responder;
  readonly #forwarder: Forwarder;
  readonly port: number;
  #isClosed = false;

  private constructor(options: DnsServerOptions, udp: UdpSocket, tcp: Server) {
    const { address, config, clock, metrics } = options;
    this.#options = options;
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = udp.address().port;
    this.#forwarder = new Forwarder({
      clock,
      own: { host: address.host, port: this.port },
      onFailure: (reason) => metrics.onForwardFailure(reason),
    });
    this.#responder = new Responder(config, { forwarder: this.#forwarder, metrics });
    udp.on("message", (bytes, { port, address: host }) => this.#onDatagram(bytes, host, port));
    tcp.on("connection", (socket) => this.#onConnection(socket));
    // An answer that could not be sent: its client has gone, or asks again.
    udp.on("error", () => {});
    tcp.on("error", () => {});
  }

  /** Rejects with MeshError<ListenFailed>. */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const { host, port } = options.address;
    for (let tries = 1; ; tries++) {
      const udp = createSocket({ type: isIPv6(host) ? "udp6" : "udp4", reusePort: true });
      const tcp = createServer({ allowHalfOpen: true });
      try {
        udp.bind({ address: host, port });
        await once(udp, "listening");
        tcp.listen({ host, port: udp.address().port, reusePort: true });
        await once(tcp, "listening");
        return new DnsServer(options, udp, tcp);
      } catch (error) {
        udp.close();
        tcp.close();
        if (port === 0 && tries < PORT_TRIES) continue;
        const { reason } = socketFailure(error);
        const address = `${host}:${port}`;
        const detail: ListenFailed = { code: "listen-failed", address, reason };
        throw new MeshError(detail, `cannot answer name queries on ${address}: ${reason}`, error);
      }
    }
  }

  get config(): DnsConfig {
    return this.#responder.config;
  }

  /** Takes effect for the next query. */
  set config(config: DnsConfig) {
    this.#responder.config = config;
  }

  /** Answers no more. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forwarder.stop();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
  }

  #onDatagram(bytes: Uint8Array, host: string, port: number): void {
    if (bytes.length > DNS_QUERY_BYTES_MAX) return;
    try {
      this.#responder.respond(bytes, "udp", (answer) => {
        if (!this.#isClosed) this.#udp.send(answer, port, host);
      });
    } catch (error) {
      this.#options.faults.report("dns", error);
    }
  }

  #onConnection(socket: Socket): void {
    if (this.#connections.size >= DNS_TCP_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    const { clock, faults } = this.#options;
    serveTcpQueries({
      socket,
      responder: this.#responder,
      clock,
      onFault: (error) => faults.report("dns", error),
    });
  }
}
