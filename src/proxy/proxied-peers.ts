/** What PROXY headers said of connections whose TLS handshake is under way, by the peer that sent it. */
import type { Socket } from "node:net";
import type { ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";

export class ProxiedPeers {
  /** Open connections of one listener differ in their peer's address or port. */
  readonly #endpoints = new Map<string, ProxiedEndpoints>();

  /** Kept until it is taken or the connection ends. */
  remember(socket: Socket, endpoints: ProxiedEndpoints): void {
    const peer = remoteAddressOf(socket);
    this.#endpoints.set(peer, endpoints);
    socket.once("close", () => this.#endpoints.delete(peer));
  }

  /** For the TLS socket over the one that was remembered. Undefined where nothing was. */
  take(socket: Socket): ProxiedEndpoints | undefined {
    if (this.#endpoints.size === 0) return undefined;
    const peer = remoteAddressOf(socket);
    const endpoints = this.#endpoints.get(peer);
    this.#endpoints.delete(peer);
    return endpoints;
  }
}
