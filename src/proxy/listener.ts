/** One bound listener: accepts connections, judges TLS peers, and gives each connection its codec. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { MeshError, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { socketFailure } from "../net/node-error.ts";
import { adoptHandle } from "../net/socket-reader.ts";
import { type Acceptor, type ListenFailed, TcpListener } from "../net/tcp-listener.ts";
import { remoteAddressOf, TlsAcceptor } from "../net/tls-acceptor.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { HttpServer } from "./http-server.ts";
import { Http1ServerConnection } from "./http1-server-connection.ts";
import type { ListenerMetrics } from "./listener-metrics.ts";
import {
  assertUsable,
  readCertificate,
  readValidation,
  resolveSecret,
  type SecretStore,
  type Validation,
} from "./secret-store.ts";
import type { SharedAddresses } from "./shared-addresses.ts";
import { judgePeer } from "./tls-peer.ts";

/** What cannot be accepted is logged at most this often: it repeats until something is freed. */
const ACCEPT_ERROR_LOG_INTERVAL_MS = 10_000;

export interface ListenerDeps {
  readonly log: Logger;
  readonly secrets: SecretStore;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
  /** Present when other workers listen on the same addresses. */
  readonly sharedAddresses: SharedAddresses | undefined;
}

export class ProxyListener implements Acceptor {
  readonly config: ListenerConfig;
  readonly server: HttpServer;
  readonly #deps: ListenerDeps;
  #tcp: TcpListener | undefined;
  readonly #tls: TlsAcceptor | undefined;
  #validation: Validation | undefined;
  #hasCertificate = false;
  #secretsVersion = -1;
  #acceptErrorLoggedMs = 0;
  port = 0;

  constructor(config: ListenerConfig, server: HttpServer, deps: ListenerDeps) {
    this.config = config;
    this.server = server;
    this.#deps = deps;
    this.#tls = config.tls === undefined ? undefined : this.#createTlsAcceptor(config.tls);
  }

  /** Throws MeshError<ListenFailed>. */
  async listen(): Promise<void> {
    const { host, port } = this.config.address;
    this.#checkContainedCertificate();
    const tcp = new TcpListener(this);
    const shared = await this.#deps.sharedAddresses?.reserve(this.config.name, host, port);
    this.port = await tcp.listen(host, shared ?? port, shared !== undefined);
    this.#tcp = tcp;
  }

  /**
   * Goes on with the socket of a listener on the same address: no connection is refused in between.
   * Throws MeshError<ListenFailed> for a certificate that cannot be used.
   */
  takeOver(before: ProxyListener): void {
    this.#checkContainedCertificate();
    this.#tcp = before.#tcp;
    this.port = before.port;
    before.#tcp = undefined;
    if (this.#tcp !== undefined) this.#tcp.acceptor = this;
  }

  /** Stops accepting; connections live on until drained or destroyed. */
  async close(): Promise<void> {
    if (this.#tcp === undefined) return;
    await this.#tcp.close();
    this.#deps.sharedAddresses?.release(this.config.name, this.config.address.host, this.port);
  }

  onHandle(handle: object): void {
    try {
      this.#accept(handle);
    } catch (error) {
      this.server.faults.report("listener", error);
    }
  }

  onAcceptError(reason: string): void {
    const nowMs = this.#deps.wallMs();
    this.#deps.metrics.onRefused("accept-failed");
    if (nowMs - this.#acceptErrorLoggedMs < ACCEPT_ERROR_LOG_INTERVAL_MS) return;
    this.#acceptErrorLoggedMs = nowMs;
    this.#deps.log.error("cannot accept connections", { listener: this.config.name, reason });
  }

  /** One that SDS names was checked when it came. */
  #checkContainedCertificate(): void {
    const certificate = this.config.tls?.certificate;
    if (certificate?.kind !== "contained") return;
    try {
      assertUsable(readCertificate(certificate.value));
    } catch (error) {
      const { host, port } = this.config.address;
      const reason = `its certificate cannot be used: ${messageOf(error)}`;
      const detail: ListenFailed = { code: "listen-failed", address: `${host}:${port}`, reason };
      throw new MeshError(detail, `listener ${this.config.name}: ${reason}`, error);
    }
  }

  #createTlsAcceptor(settings: TlsSettings): TlsAcceptor {
    return new TlsAcceptor({
      requestsClientCertificate:
        settings.requiresClientCertificate || settings.validation !== undefined,
      alpnProtocols: settings.alpnProtocols,
      minVersion: settings.minVersion,
      maxVersion: settings.maxVersion,
      groups: settings.groups,
      nowMs: this.#deps.wallMs,
      onSecure: (socket) => this.#onSecure(socket, settings),
      onFailure: (error, remoteAddress) => {
        const { code, reason } = socketFailure(error);
        this.#refuse(remoteAddress, code, reason);
      },
    });
  }

  #accept(handle: object): void {
    if (this.#tls === undefined) {
      this.#servePlain(handle);
      return;
    }
    if (this.#secretsVersion !== this.#deps.secrets.version) this.#loadSecrets(this.#tls);
    if (this.#hasCertificate) {
      this.#tls.accept(handle);
      return;
    }
    const socket = adoptHandle(handle);
    const remoteAddress = remoteAddressOf(socket);
    socket.destroy();
    const reason = "this proxy's own certificate has not arrived yet";
    this.#refuse(remoteAddress, "no-certificate-yet", reason);
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
    const socket = adoptHandle(handle);
    socket.setNoDelay(true);
    this.#serve(socket, "http", "", "");
  }

  #onSecure(socket: TLSSocket, settings: TlsSettings): void {
    const principal = this.#principalOf(socket, settings);
    if (principal === undefined) {
      socket.destroy();
      return;
    }
    const serverName = typeof socket.servername === "string" ? socket.servername : "";
    this.#serve(socket, "https", principal, serverName);
  }

  /** Undefined when the peer is refused. "" when it showed no certificate and need not. */
  #principalOf(socket: TLSSocket, settings: TlsSettings): string | undefined {
    const hasCertificate = socket.getPeerX509Certificate() !== undefined;
    if (!hasCertificate) {
      if (!settings.requiresClientCertificate) return "";
      return this.#refusePeer(socket, "no-certificate", "the peer showed no certificate");
    }
    if (settings.validation === undefined) return "";
    if (this.#validation === undefined) {
      return this.#refusePeer(
        socket,
        "no-trust-bundle-yet",
        "the trust bundle has not arrived yet",
      );
    }
    const peer = judgePeer(socket, this.#validation, settings.subjectNames, this.#deps.wallMs());
    if (peer.kind === "accepted") return peer.principal;
    return this.#refusePeer(socket, peer.code, peer.reason);
  }

  #refusePeer(socket: Socket, code: string, reason: string): undefined {
    this.#refuse(remoteAddressOf(socket), code, reason);
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
  ): void {
    const connection: DownstreamConnection = {
      scheme,
      isHttp2: false,
      peerPrincipal,
      serverName,
      remoteAddress: socket.remoteAddress ?? "",
      remotePort: socket.remotePort ?? 0,
      localAddress: this.config.address.host,
      localPort: this.port,
    };
    this.#deps.metrics.onAccepted();
    new Http1ServerConnection(socket, connection, this.server);
  }
}
