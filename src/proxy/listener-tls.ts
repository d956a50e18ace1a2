/** Terminates the TLS of one filter chain: which certificate is shown, and which peers are accepted. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { socketFailure } from "../net/node-error.ts";
import { remoteAddressOf, TlsAcceptor } from "../net/tls-acceptor.ts";
import { CertificateFiles } from "./certificate-files.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import {
  assertUsable,
  readCertificate,
  readValidation,
  resolveSecret,
  type SecretStore,
  type Validation,
} from "./secret-store.ts";
import type { TlsMetrics } from "./tls-metrics.ts";
import { type AcceptedPeer, judgePeer } from "./tls-peer.ts";

/** A peer that was accepted. */
export type SecurePeer = Omit<AcceptedPeer, "kind">;

/** It showed no certificate that is judged, and need not. */
const ANYBODY: SecurePeer = {
  principal: "",
  serialHex: "",
  notAfterMs: Number.POSITIVE_INFINITY,
};

/** How long a handshake waits for a certificate that can be shown: a renewal takes a fraction of that. */
const FRESH_CERTIFICATE_WAIT_MS = 10_000;

export interface ListenerTlsOptions {
  readonly listener: string;
  readonly settings: TlsSettings;
  readonly secrets: SecretStore;
  readonly log: Logger;
  readonly wallMs: () => number;
  readonly metrics: TlsMetrics;
  readonly onSecure: (socket: TLSSocket, peer: SecurePeer) => void;
  /** The connection has ended. `remoteAddress` has address and port. */
  readonly onRefused: (remoteAddress: string, code: string, reason: string) => void;
}

export class ListenerTls {
  readonly #options: ListenerTlsOptions;
  readonly #acceptor: TlsAcceptor;
  #validation: Validation | undefined;
  #hasCertificate = false;
  #secretsVersion = -1;
  /** Of the files that the configuration names, which may change at any time. */
  readonly #files: CertificateFiles | undefined;

  constructor(options: ListenerTlsOptions) {
    const { listener, settings, wallMs, metrics, onRefused } = options;
    this.#options = options;
    const { certificate } = settings;
    if (certificate?.kind === "contained") {
      this.#files = CertificateFiles.of(certificate.value, wallMs);
    }
    this.#acceptor = new TlsAcceptor({
      requestsClientCertificate:
        settings.requiresClientCertificate || settings.validation !== undefined,
      alpnProtocols: settings.alpnProtocols,
      minVersion: settings.minVersion,
      maxVersion: settings.maxVersion,
      groups: settings.groups,
      nowMs: wallMs,
      onHandshake: (isResumed) => metrics.onDownstream(listener, isResumed),
      onSecure: (socket) => this.#onSecure(socket),
      onFailure: (error, remoteAddress) => {
        const { code, reason } = socketFailure(error);
        onRefused(remoteAddress, code, reason);
      },
    });
  }

  /** Why a certificate that stands in the configuration cannot be used. One that SDS names was checked when it came. */
  certificateFault(): string | undefined {
    const { certificate } = this.#options.settings;
    if (certificate?.kind !== "contained") return undefined;
    try {
      assertUsable(readCertificate(certificate.value));
      return undefined;
    } catch (error) {
      return `its certificate cannot be used: ${messageOf(error)}`;
    }
  }

  /** Begins the handshake. Bytes that were read are in front of the socket again. */
  accept(socket: Socket): void {
    const { secrets, onRefused } = this.#options;
    const isOld = this.#secretsVersion !== secrets.version;
    if (isOld || this.#files?.haveChanged() === true) this.#loadSecrets();
    if (!this.#hasCertificate) {
      const reason = "this proxy's own certificate has not arrived yet";
      onRefused(remoteAddressOf(socket), "no-certificate-yet", reason);
      socket.destroy();
    } else if (this.#isOwnStale()) this.#acceptWhenFresh(socket);
    else this.#acceptor.acceptSocket(socket);
  }

  #isOwnStale(): boolean {
    const { secrets, settings, wallMs } = this.#options;
    const { certificate } = settings;
    return certificate?.kind === "named" && secrets.isStale(certificate.name, wallMs());
  }

  /** After a sleep, or a jump of the clock: no peer may see a certificate that it would have to refuse. */
  #acceptWhenFresh(socket: Socket): void {
    const { secrets, onRefused } = this.#options;
    const onTimeout = (): void => {
      const reason = "this proxy's own certificate is not valid now and no other one has come";
      onRefused(remoteAddressOf(socket), "own-certificate-expired", reason);
      socket.destroy();
    };
    const cancel = secrets.whenFresh(() => {
      socket.setTimeout(0);
      socket.off("timeout", onTimeout);
      socket.off("close", cancel);
      if (!socket.destroyed) this.accept(socket);
    });
    socket.once("close", cancel);
    socket.setTimeout(FRESH_CERTIFICATE_WAIT_MS);
    socket.once("timeout", onTimeout);
  }

  #loadSecrets(): void {
    const { secrets, log, listener } = this.#options;
    const { certificate, validation } = this.#options.settings;
    this.#secretsVersion = secrets.version;
    try {
      const own =
        certificate &&
        resolveSecret(certificate, (name) => secrets.certificate(name), readCertificate);
      const trust =
        validation && resolveSecret(validation, (name) => secrets.validation(name), readValidation);
      if (own === undefined) return;
      this.#acceptor.setSecrets({ ...own, caPem: trust?.caPem ?? "" });
      this.#validation = trust;
      this.#hasCertificate = true;
    } catch (error) {
      log.error("cannot use the listener's certificate; the one before stays", { listener, error });
    }
  }

  #onSecure(socket: TLSSocket): void {
    const peer = this.#peerOf(socket);
    if (peer === undefined) socket.destroy();
    else this.#options.onSecure(socket, peer);
  }

  /** Undefined when the peer is refused. */
  #peerOf(socket: TLSSocket): SecurePeer | undefined {
    const { settings, wallMs } = this.#options;
    const hasCertificate = socket.getPeerX509Certificate() !== undefined;
    if (!hasCertificate) {
      if (!settings.requiresClientCertificate) return ANYBODY;
      return this.#refuse(socket, "no-certificate", "the peer showed no certificate");
    }
    if (settings.validation === undefined) return ANYBODY;
    if (this.#validation === undefined) {
      return this.#refuse(socket, "no-trust-bundle-yet", "the trust bundle has not arrived yet");
    }
    const peer = judgePeer(socket, this.#validation, settings.subjectNames, wallMs());
    if (peer.kind !== "accepted") return this.#refuse(socket, peer.code, peer.reason);
    const { principal: spiffeId, serialHex } = peer;
    const known = { spiffeId, serialHex };
    const denial = this.#options.secrets.deniedPeers.admit(socket, known, "downstream");
    return denial === undefined ? peer : this.#refuse(socket, "revoked", denial);
  }

  #refuse(socket: Socket, code: string, reason: string): undefined {
    this.#options.onRefused(remoteAddressOf(socket), code, reason);
  }
}
