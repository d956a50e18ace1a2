/**
 * The TLS side of a gRPC server of the mesh. Handshakes pass with or without a client certificate;
 * one that is sent is judged by `verifyPeer`, and handlers ask `peerOf(call)` who calls. TLS ends here
 * and not in grpc-js, which can only refuse or accept certificates by OpenSSL's rules.
 */
import { constants } from "node:crypto";
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { type ConnectionInjector, type Server, ServerCredentials } from "@grpc/grpc-js";
import { assert } from "../core/assert.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Component } from "../core/component.ts";
import type { Logger } from "../core/logger.ts";
import { parseCertificate } from "./certificate.ts";
import { type DenyList, NOTHING_DENIED } from "./deny-list.ts";
import { peerChainDer } from "./peer-chain.ts";
import type { PeerRejection } from "./peer-rejection.ts";
import { type PeerVerdict, verifyPeer } from "./peer-verifier.ts";
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";
import type { Svid } from "./svid.ts";
import type { TrustBundleSet } from "./trust-bundle.ts";

/** A handshake that takes longer is cut off. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Who has proven nothing may ask for a first certificate and nothing else, which takes no longer. */
const UNPROVEN_MS = 30_000;

/** Connections of such clients at one time: they must not take the place of sidecars. A thousand may join together. */
const UNPROVEN_CONNECTIONS_MAX = 2_000;

/** Connections at one time, handshakes included. */
const CONNECTIONS_MAX_DEFAULT = 10_000;

/** What a TLS endpoint of the mesh shows, and what it trusts. */
export interface TlsIdentity {
  readonly svid: Svid;
  readonly bundles: TrustBundleSet;
}

export interface MeshGrpcListenerOptions {
  /** Its services are added by the caller; it must not be bound to any other port. */
  readonly server: Server;
  readonly host: string;
  /** Zero picks a free port. */
  readonly port: number;
  readonly identity: TlsIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connectionsMax?: number;
  /** A client's certificate was refused. Must not throw. */
  readonly onRefused?: (refused: { readonly address: string } & PeerRejection) => void;
}

export interface MeshGrpcListener extends Component {
  /** Where it listens. Only after `start`. */
  readonly port: number;
  /**
   * New handshakes use `identity`. Connections stay, except those of peers that the new bundles no
   * longer trust.
   */
  setIdentity(identity: TlsIdentity): void;
  /** Who is on the list is refused from now on, and its open connections are closed. */
  setDenied(denied: DenyList): void;
  /** Connections that wait for a certificate of our own that is valid. */
  readonly waitingCount: number;
  /** Why the caller's certificate was refused, for the status message. Undefined when it sent none. */
  refusalOf(call: PeerCall): string | undefined;
}

/** Who makes a call, proven by a certificate. The connection is closed when that expires. */
export interface MeshPeer {
  readonly spiffeId: SpiffeId;
  readonly trustDomain: string;
  /** Of its certificate. */
  readonly serialHex: string;
}

/** The part of a grpc-js server call that is needed here. */
export interface PeerCall {
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Buffer } | undefined };
}

/** The verified peer behind a call, or undefined when it proved nothing. */
export function peerOf(call: PeerCall): MeshPeer | undefined {
  // grpc-js answers only for sockets marked `authorized`, and only the listener below marks them.
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  if (der === undefined) return undefined;
  const { extensions, serialHex } = parseCertificate(der);
  const [uri] = extensions.alternativeNames?.uris ?? [];
  const id = parseSpiffeId(uri ?? "");
  assert(id.ok, "a verified peer has a SPIFFE id");
  return { spiffeId: id.id, trustDomain: id.trustDomain, serialHex };
}

/** Makes a listener; `start` binds it. */
export function createMeshGrpcListener(options: MeshGrpcListenerOptions): MeshGrpcListener {
  return new GrpcListener(options);
}

interface Connection {
  readonly chainDer: readonly Buffer[];
  verdict: PeerVerdict;
  expiry: Timer | undefined;
}

class GrpcListener implements MeshGrpcListener {
  readonly name = "grpc-listener";
  readonly #options: MeshGrpcListenerOptions;
  readonly #logger: Logger;
  /** Takes connections and gives them to `#tls`, once there is a certificate to show. */
  readonly #front: NetServer;
  readonly #tls;
  readonly #injector: ConnectionInjector;
  readonly #connections = new Map<TLSSocket, Connection>();
  /** Those of connections, and those whose handshake is under way. */
  readonly #sockets = new Set<Socket>();
  /** Those that wait for a certificate that is valid. */
  readonly #waiting = new Set<Socket>();
  /** By remote address, for messages only: it decides nothing. */
  readonly #refusals = new Map<string, string>();
  #unproven = 0;
  #identity: TlsIdentity;
  #denied = NOTHING_DENIED;

  constructor(options: MeshGrpcListenerOptions) {
    this.#options = options;
    this.#logger = options.logger.child(this.name);
    this.#identity = options.identity;
    this.#injector = options.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#tls = createServer({
      ...secureContextOptions(options.identity.svid),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#front = createNetServer((socket) => this.#admit(socket));
    this.#front.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX_DEFAULT;
    this.#tls.on("secureConnection", (socket) => this.#accept(socket));
    this.#tls.on("tlsClientError", (error, socket) => {
      this.#logger.warn("handshake failed", { peer: addressOf(socket), error: error.message });
    });
  }

  get port(): number {
    const address = this.#front.address();
    assert(address !== null && typeof address === "object", "the listener is bound");
    return (address as AddressInfo).port;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#front.once("error", reject);
      this.#front.listen({ host: this.#options.host, port: this.#options.port }, () => {
        this.#front.off("error", reject);
        resolve();
      });
    });
    this.#front.on("error", (error) => this.#logger.error("listener failed", { error }));
  }

  async stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#front.close(() => resolve()));
    if (graceMs > 0) this.#injector.drain(graceMs);
    const cutOff = this.#options.clock.schedule(graceMs, () => this.#destroyAll());
    if (graceMs === 0) this.#destroyAll();
    await closed;
    cutOff.cancel();
    this.#injector.destroy();
  }

  setIdentity(identity: TlsIdentity): void {
    this.#identity = identity;
    this.#tls.setSecureContext(secureContextOptions(identity.svid));
    this.#judgeAgain();
    if (this.#isOwnStale()) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const socket of waiting) if (!socket.destroyed) this.#tls.emit("connection", socket);
  }

  setDenied(denied: DenyList): void {
    this.#denied = denied;
    this.#judgeAgain();
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  #admit(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#waiting.delete(socket);
    });
    if (!this.#isOwnStale()) {
      this.#tls.emit("connection", socket);
      return;
    }
    // After a sleep, or a jump of the clock: no client may see a certificate that it would have to refuse.
    socket.on("error", () => {});
    this.#waiting.add(socket);
    this.#options.clock.schedule(HANDSHAKE_TIMEOUT_MS, () => {
      if (this.#waiting.has(socket)) socket.destroy();
    });
  }

  #isOwnStale(): boolean {
    const { notBeforeMs, notAfterMs } = this.#identity.svid;
    const nowMs = this.#options.clock.nowMs();
    return nowMs > notAfterMs || nowMs < notBeforeMs;
  }

  #judgeAgain(): void {
    for (const [socket, connection] of this.#connections) {
      if (!connection.verdict.ok) continue;
      const verdict = this.#verify(connection.chainDer);
      if (verdict.ok) continue;
      connection.verdict = verdict;
      this.#close(socket, `peer is no longer trusted: ${verdict.reason}`);
    }
  }

  refusalOf(call: PeerCall): string | undefined {
    return this.#refusals.get(call.getPeer());
  }

  #accept(socket: TLSSocket): void {
    socket.on("error", (error) => {
      if (this.#logger.debugEnabled) this.#logger.debug("connection failed", { error });
      // The runtime only tells of errors behind the handshake, and keeps the connection (RFC 8446 section 6.2).
      socket.destroy();
    });
    if (socket.alpnProtocol !== "h2") {
      this.#close(socket, "peer does not speak HTTP/2");
      return;
    }
    const chainDer = peerChainDer(socket);
    const verdict = this.#verify(chainDer);
    // The verdict replaces OpenSSL's, which knows neither SPIFFE nor one bundle from another.
    socket.authorized = verdict.ok;
    const address = addressOf(socket);
    const connection: Connection = { chainDer, verdict, expiry: undefined };
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      connection.expiry?.cancel();
      this.#connections.delete(socket);
      this.#refusals.delete(address);
    });
    if (verdict.ok) this.#watchExpiry(socket, connection, verdict.notAfterMs);
    else if (!this.#admitUnproven(socket, connection)) return;
    if (!verdict.ok && verdict.code !== "no-certificate") {
      this.#refusals.set(address, verdict.reason);
      this.#logger.warn("client certificate refused", {
        peer: address,
        code: verdict.code,
        reason: verdict.reason,
      });
      this.#options.onRefused?.({ ...verdict, address: socket.remoteAddress ?? "" });
    }
    this.#injector.injectConnection(socket);
  }

  /** Whether there is room for one more client that has proven nothing; it has a short while. */
  #admitUnproven(socket: TLSSocket, connection: Connection): boolean {
    if (this.#unproven >= UNPROVEN_CONNECTIONS_MAX) {
      this.#close(socket, "too many clients without a certificate");
      return false;
    }
    this.#unproven += 1;
    socket.once("close", () => {
      this.#unproven -= 1;
    });
    connection.expiry = this.#options.clock.schedule(UNPROVEN_MS, () =>
      this.#close(socket, "peer proved no identity in time"),
    );
    return true;
  }

  /** No identity outlives its certificate. The wall clock is read again whenever the timer runs. */
  #watchExpiry(socket: TLSSocket, connection: Connection, notAfterMs: number): void {
    const { clock } = this.#options;
    connection.expiry = clock.schedule(notAfterMs + 1 - clock.nowMs(), () => {
      if (clock.nowMs() > notAfterMs) this.#close(socket, "peer certificate expired");
      else this.#watchExpiry(socket, connection, notAfterMs);
    });
  }

  #verify(chainDer: readonly Buffer[]): PeerVerdict {
    const nowMs = this.#options.clock.nowMs();
    return verifyPeer(chainDer, this.#identity.bundles, nowMs, this.#denied);
  }

  #close(socket: TLSSocket, reason: string): void {
    this.#logger.warn("connection closed", { peer: addressOf(socket), reason });
    socket.authorized = false;
    socket.destroy();
  }

  #destroyAll(): void {
    for (const socket of this.#connections.keys()) socket.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/**
 * TLS 1.3 only. `ca` stays empty: OpenSSL's verdict is not used, and without the option Node would
 * load the public web's roots. Tickets are stateful and never stored, so no session is resumed.
 */
export function secureContextOptions(svid: Svid): SecureContextOptions {
  return {
    cert: svid.certificateChainPem,
    key: svid.privateKeyPem,
    ca: [],
    minVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** As `getPeer` of grpc-js has it. */
function addressOf(socket: TLSSocket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
