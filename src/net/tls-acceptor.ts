/**
 * Terminates TLS on handles that a listener accepted. The certificate can be changed at any time;
 * connections keep the one that they began with. Sessions can be resumed by TLS 1.3 tickets, of which
 * none outlives the certificate, the trust and the settings that it was given under.
 */
import { constants, randomBytes } from "node:crypto";
import type net from "node:net";
import tls, { type TLSSocket } from "node:tls";
import {
  TLS_HANDSHAKE_TIMEOUT_MS,
  TLS_KEPT_CHAINS_BYTES_MAX,
  TLS_KEPT_CHAINS_MAX,
  TLS_SESSION_LIFETIME_MS,
} from "../core/limits.ts";
import { KeptChains, type KeptChainsBounds } from "./kept-chains.ts";
import { readPeerChain, restorePeerChain } from "./peer-chain.ts";
import { adoptHandle } from "./socket-reader.ts";
import { opensslGroupList, TLS_CIPHERS } from "./tls-parameters.ts";

/** RFC 5077 section 4's construction: a name, a key for encryption, a key for authentication. */
const TICKET_KEYS_BYTES = 48;
/** Certificates that are kept of one chain. Longer ones are refused by whoever judges. */
const CHAIN_CERTIFICATES_KEPT = 16;

export interface TlsAcceptorOptions {
  readonly requestsClientCertificate: boolean;
  readonly alpnProtocols: readonly string[];
  readonly minVersion: tls.SecureVersion;
  readonly maxVersion: tls.SecureVersion;
  /** Key exchange groups, the most wanted first. */
  readonly groups: readonly string[];
  /** Any clock that goes on: by it the keys of tickets are replaced. */
  readonly nowMs: () => number;
  /**
   * The handshake is done; the peer's certificate, if any, has not been judged, also not when its session
   * was resumed. A socket that is not destroyed when this returns is one whose peer was accepted.
   */
  readonly onSecure: (socket: TLSSocket) => void;
  /** The handshake failed, or `onSecure` threw. `remoteAddress` has address and port. */
  readonly onFailure: (error: unknown, remoteAddress: string) => void;
  /** Called for each handshake that is done, before `onSecure`. Must not throw. */
  readonly onHandshake?: (isResumed: boolean) => void;
  /** Smaller than the default in tests. */
  readonly keptChains?: KeptChainsBounds;
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
  readonly #chains: KeptChains;
  #hasTickets = false;
  #ticketKeysSinceMs = 0;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#chains = new KeptChains(
      options.keptChains ?? { countMax: TLS_KEPT_CHAINS_MAX, bytesMax: TLS_KEPT_CHAINS_BYTES_MAX },
    );
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

  /**
   * For the handshakes from now on. Call it for each change of the certificate or of what clients are
   * judged by, also when the texts are the same: every session from before ends.
   * Throws for a certificate or key that cannot be used.
   */
  setSecrets(secrets: TlsServerSecrets): void {
    const { minVersion, maxVersion, groups, requestsClientCertificate, nowMs } = this.#options;
    // Where the library verifies clients it would not do so again for a resumed session; and tickets of
    // TLS 1.2 have no forward secrecy: whoever steals their key reads what was recorded.
    const hasTickets =
      minVersion === "TLSv1.3" && !(requestsClientCertificate && secrets.caPem !== "");
    this.#server.setSecureContext({
      cert: secrets.chainPem,
      key: secrets.keyPem,
      ca: secrets.caPem === "" ? [] : secrets.caPem,
      minVersion,
      maxVersion,
      ciphers: TLS_CIPHERS,
      ecdhCurve: opensslGroupList(groups),
      // RFC 9113 section 9.2.1, and for all: a client that asks for handshakes again and again costs many times what it
      // pays.
      secureOptions:
        constants.SSL_OP_NO_RENEGOTIATION | (hasTickets ? 0 : constants.SSL_OP_NO_TICKET),
      sessionTimeout: TLS_SESSION_LIFETIME_MS / 1000,
      // With the ticket keys, which a new context makes anew at random, this binds sessions to this context
      // and no other (T27).
      sessionIdContext: randomBytes(16).toString("hex"),
    } as tls.SecureContextOptions);
    this.#hasTickets = hasTickets;
    this.#ticketKeysSinceMs = nowMs();
  }

  /** Begins the handshake on a handle that a TcpListener accepted. */
  accept(handle: object): void {
    this.acceptSocket(adoptHandle(handle));
  }

  /** The same for an adopted handle, of which bytes may have been read and put back (`unshift`). */
  acceptSocket(socket: net.Socket): void {
    const ageMs = this.#options.nowMs() - this.#ticketKeysSinceMs;
    // A clock that was set back must not keep keys for ever.
    if (this.#hasTickets && (ageMs >= TLS_SESSION_LIFETIME_MS || ageMs < 0)) this.endSessions();
    socket.setNoDelay(true);
    this.#server.emit("connection", socket);
  }

  /** Nobody can resume a session from before: its ticket cannot be read any more. */
  endSessions(): void {
    this.#server.setTicketKeys(randomBytes(TICKET_KEYS_BYTES));
    this.#ticketKeysSinceMs = this.#options.nowMs();
  }

  #onSecure(socket: TLSSocket): void {
    // The runtime only tells of errors behind the handshake, and keeps the connection: RFC 8446 section 6.2 has both
    // sides close it at once, whoever sends the alert.
    socket.on("error", () => socket.destroy());
    try {
      const isResumed = socket.isSessionReused();
      this.#options.onHandshake?.(isResumed);
      if (isResumed) this.#restoreChain(socket);
      // Read before the owner takes the socket over; the ticket has been sent already.
      const chain = isResumed || !this.#hasTickets ? [] : this.#chainOf(socket);
      this.#options.onSecure(socket);
      if (!socket.destroyed && !this.#chains.keep(chain)) this.endSessions();
    } catch (error) {
      const remoteAddress = remoteAddressOf(socket);
      socket.destroy();
      this.#options.onFailure(error, remoteAddress);
    }
  }

  #chainOf(socket: TLSSocket): readonly Buffer[] {
    if (!this.#options.requestsClientCertificate) return [];
    return readPeerChain(socket, CHAIN_CERTIFICATES_KEPT);
  }

  #restoreChain(socket: TLSSocket): void {
    const leaf = socket.getPeerX509Certificate();
    const chain = leaf === undefined ? undefined : this.#chains.chainOf(leaf.raw);
    if (chain !== undefined) restorePeerChain(socket, chain);
  }
}

/** "" when the socket is gone. */
export function remoteAddressOf(socket: net.Socket): string {
  return socket.remoteAddress === undefined
    ? ""
    : `${socket.remoteAddress}:${socket.remotePort ?? 0}`;
}
