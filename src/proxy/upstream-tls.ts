/** The client's side of TLS towards a cluster: options for each dial, and the verdict on the peer. */
import { constants } from "node:crypto";
import tls, { type TLSSocket } from "node:tls";
import type { TlsSettings } from "./config/tls-settings.ts";
import {
  readCertificate,
  readValidation,
  resolveSecret,
  type SecretStore,
  type Validation,
} from "./secret-store.ts";
import { judgePeer } from "./tls-peer.ts";

export class UpstreamTls {
  readonly #settings: TlsSettings;
  readonly #secrets: SecretStore;
  readonly #nowMs: () => number;
  #options: tls.ConnectionOptions | undefined;
  #validation: Validation | undefined;
  #version = -1;

  constructor(settings: TlsSettings, secrets: SecretStore, nowMs: () => number) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#nowMs = nowMs;
  }

  /**
   * Undefined while a secret that is needed has not arrived. Made anew only when secrets changed. `alpn` is
   * offered, nothing when empty.
   */
  connectOptions(alpn: readonly string[]): tls.ConnectionOptions | undefined {
    if (this.#version !== this.#secrets.version) this.#build();
    const options = this.#options;
    return options === undefined || alpn.length === 0
      ? options
      : { ...options, ALPNProtocols: [...alpn] };
  }

  /** Why the peer of a finished handshake is not accepted, or undefined when it is. */
  refusalOf(socket: TLSSocket): string | undefined {
    if (this.#settings.validation === undefined) return undefined;
    if (this.#validation === undefined) return "the trust bundle has not arrived yet";
    const peer = judgePeer(socket, this.#validation, this.#settings.subjectNames, this.#nowMs());
    return peer.kind === "accepted" ? undefined : `${peer.reason} (${peer.code})`;
  }

  #build(): void {
    const { certificate, validation } = this.#settings;
    const secrets = this.#secrets;
    this.#version = secrets.version;
    const own =
      certificate &&
      resolveSecret(certificate, (name) => secrets.certificate(name), readCertificate);
    const trust =
      validation && resolveSecret(validation, (name) => secrets.validation(name), readValidation);
    this.#validation = trust;
    const isMissing =
      (certificate !== undefined && own === undefined) ||
      (validation !== undefined && trust === undefined);
    this.#options = isMissing ? undefined : this.#optionsFor(own, trust);
  }

  #optionsFor(
    own: { readonly chainPem: string; readonly keyPem: string } | undefined,
    trust: Validation | undefined,
  ): tls.ConnectionOptions {
    const { minVersion, maxVersion, serverName } = this.#settings;
    const secureContext = tls.createSecureContext({
      ...(own === undefined ? {} : { cert: own.chainPem, key: own.keyPem }),
      // Without it the library would load and trust the roots of the public web.
      ca: trust === undefined || trust.caPem === "" ? [] : trust.caPem,
      minVersion,
      maxVersion,
      // No tickets: a resumed session would skip the check against a bundle that changed since (T27).
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    return {
      secureContext,
      ...(serverName === "" ? {} : { servername: serverName }),
      // The verdict is ours, after the handshake and before the first byte of a request.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
  }
}
