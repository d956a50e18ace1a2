/**
 * Terminates TLS on handles that a listener accepted. The certificate can be changed at any time;
 * connections keep the one that they began with.
 */
import { constants } from "node:crypto";
import type net from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { TLS_HANDSHAKE_TIMEOUT_MS } from "../core/limits.ts";
import { adoptHandle } from "./socket-reader.ts";

export interface TlsAcceptorOptions {
  readonly requestsClientCertificate: boolean;
  readonly alpnProtocols: readonly string[];
  readonly minVersion: tls.SecureVersion;
  readonly maxVersion: tls.SecureVersion;
  /** The handshake is done; the peer's certificate, if any, has not been judged. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** The handshake failed, or `onSecure` threw. `remoteAddress` has address and port. */
  readonly onFailure: (error: unknown, remoteAddress: string) => void;
}

/** PEM texts. */
export interface TlsServerSecrets {
  readonly chainPem: string;
  readonly keyPem: string;
  /** "" when client certificates are not verified by the library: it trusts nobody then. */
  readonly caPem: string;
}

export class TlsAcceptor {
  readonly #options: TlsAcceptorOptions;
  readonly #server: tls.Server;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#server = tls.createServer({
      requestCert: options.requestsClientCertificate,
      // The verdict on a peer is the owner's, after the handshake and before the first byte is read.
      rejectUnauthorized: false,
      ALPNProtocols: options.alpnProtocols.length === 0 ? undefined : [...options.alpnProtocols],
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      // Without it the library would load and trust the roots of the public web.
      ca: [],
    } as tls.TlsOptions);
    this.#server.on("secureConnection", (socket) => this.#onSecure(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      options.onFailure(error, remoteAddressOf(socket));
      socket.destroy();
    });
  }

  /** For the handshakes from now on. Throws for a certificate or key that cannot be used. */
  setSecrets(secrets: TlsServerSecrets): void {
    this.#server.setSecureContext({
      cert: secrets.chainPem,
      key: secrets.keyPem,
      ca: secrets.caPem === "" ? [] : secrets.caPem,
      minVersion: this.#options.minVersion,
      maxVersion: this.#options.maxVersion,
      // No tickets: a resumed session would skip the check against a bundle that changed since (T27).
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as tls.SecureContextOptions);
  }

  /** Begins the handshake on a handle that a TcpListener accepted. */
  accept(handle: object): void {
    const socket = adoptHandle(handle);
    socket.setNoDelay(true);
    this.#server.emit("connection", socket);
  }

  #onSecure(socket: TLSSocket): void {
    // Whoever takes the socket over listens too; until then an error must not end the process.
    socket.on("error", () => {});
    try {
      this.#options.onSecure(socket);
    } catch (error) {
      const remoteAddress = remoteAddressOf(socket);
      socket.destroy();
      this.#options.onFailure(error, remoteAddress);
    }
  }
}

/** "" when the socket is gone. */
export function remoteAddressOf(socket: net.Socket): string {
  return socket.remoteAddress === undefined
    ? ""
    : `${socket.remoteAddress}:${socket.remotePort ?? 0}`;
}
