/**
 * Terminates TLS on handles that a listener accepted. The certificate can be changed at any time;
 * connections keep the one that they began with.
 */
import { constants } from "node:crypto";
import net from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { TLS_HANDSHAKE_TIMEOUT_MS } from "../core/limits.ts";

export interface TlsAcceptorOptions {
  readonly requestsClientCertificate: boolean;
  readonly alpnProtocols: readonly string[];
  readonly minVersion: tls.SecureVersion;
  readonly maxVersion: tls.SecureVersion;
  /** The handshake is done; the peer's certificate, if any, has not been judged. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** The handshake failed. `remoteAddress` is empty when the socket is gone. */
  readonly onFailure: (error: Error, remoteAddress: string) => void;
}

/** PEM texts. */
export interface TlsServerSecrets {
  readonly chainPem: string;
  readonly keyPem: string;
  /** "" when client certificates are not verified by the library. */
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
      minVersion: options.minVersion,
      maxVersion: options.maxVersion,
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as tls.TlsOptions);
    this.#server.on("secureConnection", options.onSecure);
    this.#server.on("tlsClientError", (error, socket) => {
      options.onFailure(error, socket.remoteAddress ?? "");
      socket.destroy();
    });
  }

  /** For the handshakes from now on. Throws for a certificate or key that cannot be used. */
  setSecrets(secrets: TlsServerSecrets): void {
    this.#server.setSecureContext({
      cert: secrets.chainPem,
      key: secrets.keyPem,
      ...(secrets.caPem === "" ? {} : { ca: secrets.caPem }),
      minVersion: this.#options.minVersion,
      maxVersion: this.#options.maxVersion,
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as tls.SecureContextOptions);
  }

  /** Begins the handshake on a handle that a TcpListener accepted. */
  accept(handle: object): void {
    const socket = new net.Socket({
      handle,
      allowHalfOpen: true,
      manualStart: true,
    } as net.SocketConstructorOpts);
    socket.setNoDelay(true);
    this.#server.emit("connection", socket);
  }
}
