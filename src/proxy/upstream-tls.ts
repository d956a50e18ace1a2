/**
 * The client's side of TLS towards a cluster: options for each dial, the verdict on the peer, and the
 * sessions that shorten the next handshakes as long as nothing has changed since.
 */
import { constants } from "node:crypto";
import tls, { type TLSSocket } from "node:tls";
import { peerChainDer } from "../identity/peer-chain.ts";
import { restorePeerChain } from "../net/peer-chain.ts";
import { opensslGroupList, TLS_CIPHERS } from "../net/tls-parameters.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import {
  type Certificate,
  readCertificate,
  readValidation,
  resolveSecret,
  type SecretStore,
  type Validation,
} from "./secret-store.ts";
import { judgePeer } from "./tls-peer.ts";
import { type KeptSession, type SessionOrigin, TlsSessionCache } from "./tls-session-cache.ts";

/** Where a connection goes: sessions are kept by it. */
export interface TlsTarget {
  readonly host: string;
  readonly port: number;
}

/** One handshake: begin it with `options`, and give the socket to `judge` when it is done. */
export interface UpstreamHandshake {
  readonly options: tls.ConnectionOptions;
  /** Before the first byte of a request is written. */
  judge(socket: TLSSocket): UpstreamVerdict;
}

export type UpstreamVerdict =
  | {
      readonly kind: "accepted";
      /** Of whom it is proven, as in `AcceptedPeer`; "" where no peer is verified. */
      readonly principal: string;
      /** Wall clock: the connection must not be used from then on. Infinite where no peer is verified. */
      readonly notAfterMs: number;
    }
  | { readonly kind: "refused"; readonly reason: string };

/** What is made anew when secrets change. Sessions belong to it, so that none outlives it. */
interface Generation {
  readonly own: Certificate | undefined;
  readonly trust: Validation | undefined;
  readonly options: tls.ConnectionOptions;
  readonly sessions: TlsSessionCache | undefined;
}

interface Attempt {
  readonly generation: Generation;
  readonly address: string;
  /** What was offered. The peer may not take it. */
  readonly session: KeptSession | undefined;
}

export class UpstreamTls {
  readonly #settings: TlsSettings;
  readonly #secrets: SecretStore;
  readonly #nowMs: () => number;
  readonly #onHandshake: ((isResumed: boolean) => void) | undefined;
  #generation: Generation | undefined;
  #version = -1;

  /** `nowMs` is wall clock time. `onHandshake` is called for each handshake that is done. */
  constructor(
    settings: TlsSettings,
    secrets: SecretStore,
    nowMs: () => number,
    onHandshake?: (isResumed: boolean) => void,
  ) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#nowMs = nowMs;
    this.#onHandshake = onHandshake;
  }

  /**
   * Undefined while a secret that is needed has not arrived. `alpn` is offered, nothing when empty. Throws
   * for a certificate that cannot be used.
   */
  begin(target: TlsTarget, alpn: readonly string[]): UpstreamHandshake | undefined {
    const generation = this.#current();
    if (generation === undefined) return undefined;
    const { host, port } = target;
    const address = `${host}:${port}`;
    const session = generation.sessions?.take(address, this.#nowMs());
    const attempt: Attempt = { generation, address, session };
    return {
      options: {
        ...generation.options,
        host,
        port,
        ...(session === undefined ? {} : { session: session.ticket }),
        ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      },
      judge: (socket) => this.#judge(socket, attempt),
    };
  }

  /**
   * Calls `begin` once the own certificate may be shown: at once, or after the next one has come when this one is not
   * valid now. Returns how to give that up, or nothing when `begin` was called.
   */
  whenPresentable(begin: () => void): (() => void) | undefined {
    const { certificate } = this.#settings;
    const isStale =
      certificate?.kind === "named" && this.#secrets.isStale(certificate.name, this.#nowMs());
    if (isStale) return this.#secrets.whenFresh(begin);
    begin();
    return undefined;
  }

  #judge(socket: TLSSocket, attempt: Attempt): UpstreamVerdict {
    const resumed = socket.isSessionReused() ? attempt.session : undefined;
    this.#onHandshake?.(resumed !== undefined);
    // A resumed handshake brings no certificate: the peer is the one that the session began with.
    if (resumed !== undefined) restorePeerChain(socket, resumed.origin.chain);
    const verdict = this.#verdictOn(socket);
    const { sessions } = attempt.generation;
    if (verdict.kind === "refused") {
      // The next handshake is a full one: another peer may have taken the address over.
      sessions?.forget(attempt.address);
      return verdict;
    }
    const { notAfterMs } = verdict;
    const beganAtMs = resumed?.origin.beganAtMs ?? this.#nowMs();
    this.#keepSessions(socket, attempt, { chain: peerChainDer(socket), notAfterMs, beganAtMs });
    return verdict;
  }

  #verdictOn(socket: TLSSocket): UpstreamVerdict {
    const { validation, subjectNames } = this.#settings;
    if (validation === undefined) {
      return { kind: "accepted", principal: "", notAfterMs: Number.POSITIVE_INFINITY };
    }
    // Secrets may have changed while the handshake was under way: the newest trust decides.
    const trust = this.#current()?.trust;
    if (trust === undefined) {
      return { kind: "refused", reason: "the trust bundle has not arrived yet" };
    }
    const peer = judgePeer(socket, trust, subjectNames, this.#nowMs());
    if (peer.kind === "refused") {
      return { kind: "refused", reason: `${peer.reason} (${peer.code})` };
    }
    const known = { spiffeId: peer.principal, serialHex: peer.serialHex };
    const denial = this.#secrets.deniedPeers.admit(socket, known, "upstream");
    if (denial !== undefined) return { kind: "refused", reason: `${denial} (revoked)` };
    return { kind: "accepted", principal: peer.principal, notAfterMs: peer.notAfterMs };
  }

  /** Tickets come after the handshake, at any time. Those of an older generation are never used. */
  #keepSessions(socket: TLSSocket, attempt: Attempt, origin: SessionOrigin): void {
    const { sessions } = attempt.generation;
    // RFC 8446 section 2.2: resumption with a key exchange of its own. TLS 1.2 has none.
    if (sessions === undefined || socket.getProtocol() !== "TLSv1.3") return;
    socket.on("session", (ticket: Buffer) => sessions.put(attempt.address, ticket, origin));
  }

  #current(): Generation | undefined {
    if (this.#version === this.#secrets.version) return this.#generation;
    const { certificate, validation } = this.#settings;
    const secrets = this.#secrets;
    const before = this.#generation;
    this.#generation = undefined;
    const own =
      certificate &&
      resolveSecret(certificate, (name) => secrets.certificate(name), readCertificate);
    const trust =
      validation && resolveSecret(validation, (name) => secrets.validation(name), readValidation);
    const isMissing =
      (certificate !== undefined && own === undefined) ||
      (validation !== undefined && trust === undefined);
    if (!isMissing) {
      // Of other secrets than ours the store also tells.
      const isSame = before !== undefined && before.own === own && before.trust === trust;
      this.#generation = isSame ? before : this.#create(own, trust);
    }
    this.#version = secrets.version;
    return this.#generation;
  }

  #create(own: Certificate | undefined, trust: Validation | undefined): Generation {
    const { minVersion, maxVersion, groups, serverName } = this.#settings;
    // Where the library verifies peers it would not do so again for a resumed session.
    const isResumable = maxVersion === "TLSv1.3" && (trust === undefined || trust.caPem === "");
    const secureContext = tls.createSecureContext({
      ...(own === undefined ? {} : { cert: own.chainPem, key: own.keyPem }),
      // Without it the library would load and trust the roots of the public web.
      ca: trust === undefined || trust.caPem === "" ? [] : trust.caPem,
      minVersion,
      maxVersion,
      ciphers: TLS_CIPHERS,
      ecdhCurve: opensslGroupList(groups),
      secureOptions: isResumable ? 0 : constants.SSL_OP_NO_TICKET,
    });
    return {
      own,
      trust,
      options: {
        secureContext,
        ...(serverName === "" ? {} : { servername: serverName }),
        // The verdict is ours, after the handshake and before the first byte of a request.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      },
      sessions: isResumable ? new TlsSessionCache() : undefined,
    };
  }
}
