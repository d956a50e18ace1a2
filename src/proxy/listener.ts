/** One bound listener: accepts connections, judges TLS peers, and gives each connection its codec. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Logger } from "../core/logger.ts";
import { socketFailure } from "../net/node-error.ts";
import { adoptHandle } from "../net/socket-reader.ts";
import { TcpListener } from "../net/tcp-listener.ts";
import { TlsAcceptor } from "../net/tls-acceptor.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { HttpServer } from "./http-server.ts";
import { Http1ServerConnection } from "./http1-server-connection.ts";
import type { ListenerMetrics } from "./listener-metrics.ts";
import {
  readCertificate,
  readValidation,
  resolveSecret,
  type SecretStore,
  type Validation,
} from "./secret-store.ts";
import { judgePeer } from "./tls-peer.ts";

export interface ListenerDeps {
  readonly log: Logger;
  readonly secrets: SecretStore;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
}

export class ProxyListener {
  readonly config: ListenerConfig;
  readonly server: HttpServer;
  readonly #deps: ListenerDeps;
  readonly #tcp: TcpListener;
  readonly #acceptor: TlsAcceptor | undefined;
  #validation: Validation | undefined;
  #hasCertificate = false;
  #secretsVersion = -1;
  port = 0;

  constructor(config: ListenerConfig, server: HttpServer, deps: ListenerDeps) {
    this.config = config;
    this.server = server;
    this.#deps = deps;
    this.#tcp = new TcpListener((handle) => this.#accept(handle));
    this.#acceptor = config.tls === undefined ? undefined : this.#createAcceptor(config.tls);
  }

  /** Throws MeshError<ListenFailed>. */
  async listen(): Promise<void> {
    const { host, port } = this.config.address;
    this.port = await this.#tcp.listen(host, port);
  }

  /** Stops accepting; connections live on until drained or destroyed. */
  async close(): Promise<void> {
    await this.#tcp.close();
  }

  #createAcceptor(settings: TlsSettings): TlsAcceptor {
    return new TlsAcceptor({
      requestsClientCertificate:
        settings.requiresClientCertificate || settings.validation !== undefined,
      alpnProtocols: settings.alpnProtocols,
      minVersion: settings.minVersion,
      maxVersion: settings.maxVersion,
      onSecure: (socket) => this.#onSecure(socket, settings),
      onFailure: (error, remoteAddress) => {
        const { code, reason } = socketFailure(error);
        this.#refuse(remoteAddress, code, reason);
      },
    });
  }

  #accept(handle: object): void {
    if (this.#acceptor === undefined) {
      this.#servePlain(handle);
      return;
    }
    if (this.#secretsVersion !== this.#deps.secrets.version) this.#loadSecrets(this.#acceptor);
    if (this.#hasCertificate) {
      this.#acceptor.accept(handle);
      return;
    }
    adoptHandle(handle, () => true).destroy();
    this.#refuse("", "no-certificate-yet", "this proxy's own certificate has not arrived yet");
  }

  #loadSecrets(acceptor: TlsAcceptor): void {
    const { secrets, log } = this.#deps;
    const { certificate, validation } = this.config.tls ?? {};
    this.#secretsVersion = secrets.version;
    try {
      const own =
        certificate &&
        resolveSecret(certificate, (name) => secrets.certificate(name), readCertificate);
      const trust =
        validation && resolveSecret(validation, (name) => secrets.validation(name), readValidation);
      if (own === undefined) return;
      acceptor.setSecrets({ ...own, caPem: trust?.caPem ?? "" });
      this.#validation = trust;
      this.#hasCertificate = true;
    } catch (error) {
      log.error("cannot use the listener's certificate; the one before stays", {
        listener: this.config.name,
        error,
      });
    }
  }

  #servePlain(handle: object): void {
    let connection: Http1ServerConnection | undefined;
    const socket = adoptHandle(
      handle,
      (bytes, length) => connection?.onRead(bytes, length) ?? true,
    );
    socket.setNoDelay(true);
    connection = this.#serve(socket, "http", "", "");
  }

  #onSecure(socket: TLSSocket, settings: TlsSettings): void {
    const principal = this.#principalOf(socket, settings);
    if (principal === undefined) {
      socket.destroy();
      return;
    }
    const serverName = typeof socket.servername === "string" ? socket.servername : "";
    const connection = this.#serve(socket, "https", principal, serverName);
    socket.on("data", (bytes: Buffer) => {
      if (!connection.onRead(bytes, bytes.length)) socket.pause();
    });
  }

  /** Undefined when the peer is refused. "" when it showed no certificate and need not. */
  #principalOf(socket: TLSSocket, settings: TlsSettings): string | undefined {
    const remoteAddress = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`;
    const hasCertificate = socket.getPeerX509Certificate() !== undefined;
    if (!hasCertificate) {
      if (!settings.requiresClientCertificate) return "";
      this.#refuse(remoteAddress, "no-certificate", "the peer showed no certificate");
      return undefined;
    }
    if (settings.validation === undefined) return "";
    if (this.#validation === undefined) {
      this.#refuse(remoteAddress, "no-trust-bundle-yet", "the trust bundle has not arrived yet");
      return undefined;
    }
    const peer = judgePeer(socket, this.#validation, settings.subjectNames, this.#deps.wallMs());
    if (peer.kind === "accepted") return peer.principal;
    this.#refuse(remoteAddress, peer.code, peer.reason);
    return undefined;
  }

  #refuse(remoteAddress: string, code: string, reason: string): void {
    this.#deps.metrics.onRefused(code);
    this.#deps.log.warn("connection refused", {
      listener: this.config.name,
      remote: remoteAddress,
      code,
      reason,
    });
  }

  #serve(
    socket: Socket,
    scheme: "http" | "https",
    peerPrincipal: string,
    serverName: string,
  ): Http1ServerConnection {
    const connection: DownstreamConnection = {
      scheme,
      peerPrincipal,
      serverName,
      remoteAddress: socket.remoteAddress ?? "",
      remotePort: socket.remotePort ?? 0,
      localAddress: this.config.address.host,
      localPort: this.port,
    };
    this.#deps.metrics.onAccepted();
    return new Http1ServerConnection(socket, connection, this.server);
  }
}
