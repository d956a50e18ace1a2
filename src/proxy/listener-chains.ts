/**
 * The filter chains of one listener: which of them takes a connection, whether its limits let it stay, and who serves
 * it, behind TLS where the chain terminates it.
 */
import type { Socket } from "node:net";
import { assertNever } from "../core/assert.ts";
import { MeshError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import type { ListenFailed } from "../net/tcp-listener.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";
import type { ChainServer } from "./chain-server.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { IntakeResult } from "./connection-intake.ts";
import type { ConnectionRefusals } from "./connection-refusals.ts";
import { serveHttp } from "./downstream-codec.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import { DownstreamTls } from "./downstream-tls.ts";
import { OPAQUE, type SpokenProtocol } from "./first-bytes-verdict.ts";
import { type ServedHosts, servedHosts } from "./host-check.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { ListenerMetrics, ProtocolCounters } from "./listener-metrics.ts";
import { ListenerTls } from "./listener-tls.ts";
import type { MtlsMetrics } from "./mtls-metrics.ts";
import { mismatchOf, TLS_TO_PLAIN } from "./mtls-mismatch.ts";
import { PeerCertificate } from "./peer-certificate.ts";
import { cutAtPeerExpiry } from "./peer-expiry.ts";
import { ProxiedPeers } from "./proxied-peers.ts";
import type { SecretStore } from "./secret-store.ts";
import { TcpConnection } from "./tcp-connection.ts";
import { TcpOutcome } from "./tcp-outcome.ts";
import type { TcpServer } from "./tcp-server.ts";
import { TcpUpstream } from "./tcp-upstream.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

export interface ListenerChainsDeps {
  readonly log: Logger;
  readonly secrets: SecretStore;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
  readonly tlsMetrics: TlsMetrics;
  readonly mtlsMetrics: MtlsMetrics;
  readonly timers: ProxyTimers;
}

/** Server names that callers' sidecars ask for begin so; no client of an app's own TLS does. */
const SIDECAR_NAME = "outbound_.";

interface Chain {
  readonly server: ChainServer;
  readonly tls: ListenerTls | undefined;
}

export class ListenerChains {
  config: ListenerConfig;
  /** That the listener is bound to. */
  port = 0;
  /** By the index of their chains. */
  readonly #servers: readonly ChainServer[];
  /** Connections by what they speak, those of listeners of this name before it included. */
  readonly protocols: ProtocolCounters;
  readonly #refusals: ConnectionRefusals;
  readonly #deps: ListenerChainsDeps;
  readonly #chains: readonly Chain[];
  readonly #proxied = new ProxiedPeers();
  readonly #hosts: ServedHosts | undefined;

  /** `servers` by the index of their chains in `config`. */
  constructor(
    config: ListenerConfig,
    servers: readonly ChainServer[],
    refusals: ConnectionRefusals,
    deps: ListenerChainsDeps,
  ) {
    this.config = config;
    this.#servers = servers;
    this.protocols = deps.metrics.protocolsOf(config.name);
    this.#refusals = refusals;
    this.#deps = deps;
    this.#hosts = servedHosts(config);
    this.#chains = servers.map((server, index) => ({ server, tls: this.#createTls(index) }));
  }

  /** Those of chains without TLS. */
  get plainServers(): readonly ChainServer[] {
    return this.#chains.filter(({ tls }) => tls === undefined).map(({ server }) => server);
  }

  /** A connection that was read as far as its chain depends on it. */
  serve(result: IntakeResult): void {
    const { socket, spoken, proxied } = result;
    const chain = this.#find(spoken, proxied);
    if (chain === undefined) {
      result.upstream?.abort();
      const name = spoken.serverName === "" ? "" : ` for server name ${spoken.serverName}`;
      const reason = `no filter chain matches ${spoken.transportProtocol}${name}`;
      const isTls = spoken.transportProtocol === "tls";
      const code = isTls && this.#takesPlainTextOnly ? TLS_TO_PLAIN : "no-filter-chain";
      this.#refuse(remoteAddressOf(socket), code, reason);
      socket.destroy();
    } else if (this.#takesPlainTextOnly && spoken.serverName.startsWith(SIDECAR_NAME)) {
      // It would be passed through to the app, which cannot make anything of it.
      result.upstream?.abort();
      const reason = "a sidecar came with mutual TLS to a port that takes plain text";
      this.#refuse(remoteAddressOf(socket), TLS_TO_PLAIN, reason);
      socket.destroy();
    } else if (!this.#admits(chain, socket, proxied, spoken.serverName)) {
      result.upstream?.abort();
    } else if (chain.tls !== undefined) {
      result.upstream?.abort();
      if (proxied !== undefined) this.#proxied.remember(socket, proxied);
      if (result.firstBytes !== undefined) socket.unshift(result.firstBytes);
      chain.tls.accept(socket);
    } else {
      this.#servePlain(chain, result);
    }
  }

  /** A connection of which nothing was read: nothing of it can change which chain it gets. */
  serveUnread(socket: Socket): void {
    const chain = this.#find(OPAQUE, undefined);
    if (chain === undefined) {
      this.#refuse(remoteAddressOf(socket), "no-filter-chain", "no filter chain matches");
      socket.destroy();
    } else if (!this.#admits(chain, socket, undefined, "")) {
      // It is closed.
    } else if (chain.tls !== undefined) {
      chain.tls.accept(socket);
    } else {
      socket.setNoDelay(true);
      this.#serve(chain.server, socket, this.#identityOf(socket, undefined, ""), undefined);
    }
  }

  /** An upstream for a connection that is opaque, or undefined when such connections go elsewhere. */
  createOpaqueUpstream(
    socket: Socket,
    proxied: ProxiedEndpoints | undefined,
  ): TcpUpstream | undefined {
    const chain = this.#find(OPAQUE, proxied);
    if (chain === undefined || chain.tls !== undefined || chain.server.kind !== "tcp") {
      return undefined;
    }
    const { server } = chain.server;
    const identity = this.#identityOf(socket, proxied, "");
    // Of a server that speaks first, nobody hears who is not allowed to.
    return server.authorization.allows(identity)
      ? this.#createUpstream(server, identity)
      : undefined;
  }

  /**
   * Tells a wrong certificate in the configuration before any connection comes. Throws MeshError<ListenFailed>.
   */
  checkContainedCertificates(): void {
    for (const { tls } of this.#chains) {
      const reason = tls?.certificateFault();
      if (reason === undefined) continue;
      const { host, port } = this.config.address;
      const detail: ListenFailed = { code: "listen-failed", address: `${host}:${port}`, reason };
      throw new MeshError(detail, `listener ${this.config.name}: ${reason}`);
    }
  }

  /** Whether the limits of its chain let a connection stay. Otherwise it is closed, as Envoy does: without a word. */
  #admits(
    { server }: Chain,
    socket: Socket,
    proxied: ProxiedEndpoints | undefined,
    serverName: string,
  ): boolean {
    const { limits } = server;
    if (limits.isEmpty) return true;
    const refusal = limits.enter();
    if (refusal === undefined) {
      socket.once("close", limits.onLeft);
      return true;
    }
    if (server.kind === "tcp") {
      const { recorder, config, nowMs } = server.server;
      const outcome = new TcpOutcome(this.#identityOf(socket, proxied, serverName), nowMs());
      outcome.flag = refusal.flag;
      outcome.terminationDetails = refusal.details;
      recorder.refuse(outcome, config);
    }
    this.#refusals.closeLimited(socket, refusal);
    return false;
  }

  #find(spoken: SpokenProtocol, proxied: ProxiedEndpoints | undefined): Chain | undefined {
    const { table, defaultChain } = this.config;
    const destinationPort = proxied?.kind === "tcp" ? proxied.destinationPort : this.port;
    const index = table.find({ ...spoken, destinationPort }) ?? defaultChain;
    return this.#chains[index];
  }

  #createTls(index: number): ListenerTls | undefined {
    const settings = this.config.chains[index]?.tls;
    if (settings === undefined) return undefined;
    const { log, secrets, wallMs, tlsMetrics } = this.#deps;
    return new ListenerTls({
      listener: this.config.name,
      settings,
      secrets,
      log,
      wallMs,
      metrics: tlsMetrics,
      onSecure: (socket, peer) => {
        const serverName = typeof socket.servername === "string" ? socket.servername : "";
        const proxied = this.#proxied.take(socket);
        const identity: ConnectionIdentity = {
          ...this.#identityOf(socket, proxied, serverName),
          scheme: "https",
          peerPrincipal: peer.principal,
          // Of nobody who was not verified is it known until when.
          peerCertificate: Number.isFinite(peer.notAfterMs)
            ? new PeerCertificate(socket)
            : undefined,
          hostCheck: this.#hosts?.checkFor(index, this.port),
          tls: new DownstreamTls(socket),
          peerNotAfterMs: peer.notAfterMs,
        };
        this.#serve(this.#servers[index]!, socket, identity, undefined);
      },
      onRefused: (remoteAddress, code, reason) => this.#refuse(remoteAddress, code, reason),
    });
  }

  get #takesPlainTextOnly(): boolean {
    return this.config.mtls?.mode === "DISABLE";
  }

  #refuse(remoteAddress: string, code: string, reason: string): void {
    this.#refusals.tell(remoteAddress, code, reason, mismatchOf(this.config.mtls, code));
  }

  /** Who still comes in plain text is what one asks before it is no longer let in. */
  #notePlainText(address: string): void {
    const { name, mtls } = this.config;
    if (mtls?.mode === "PERMISSIVE") this.#deps.mtlsMetrics.onPlainText(name, mtls, address);
  }

  #servePlain(chain: Chain, { socket, spoken, proxied, firstBytes, upstream }: IntakeResult): void {
    const identity = this.#identityOf(socket, proxied, spoken.serverName);
    this.#notePlainText(identity.remoteAddress);
    const { server } = chain;
    if (server.kind === "tcp") {
      const isTls = spoken.transportProtocol === "tls";
      this.#serveTcp(server.server, socket, identity, firstBytes, isTls, upstream);
      return;
    }
    upstream?.abort();
    this.#serve(server, socket, identity, firstBytes);
  }

  #serve(
    chain: ChainServer,
    socket: Socket,
    identity: ConnectionIdentity,
    firstBytes: Buffer | undefined,
  ): void {
    switch (chain.kind) {
      case "http":
        serveHttp(socket, identity, chain.server, firstBytes, {
          log: this.#deps.log,
          protocols: this.protocols,
          http2Streams: chain.http2Streams,
        });
        break;
      case "tcp":
        this.#serveTcp(chain.server, socket, identity, firstBytes, false, undefined);
        break;
      default:
        assertNever(chain, "kind of chain");
    }
  }

  #serveTcp(
    server: TcpServer,
    socket: Socket,
    identity: ConnectionIdentity,
    firstBytes: Buffer | undefined,
    isTls: boolean,
    upstream: TcpUpstream | undefined,
  ): void {
    this.protocols[isTls ? "tls" : "tcp"].value += 1;
    cutAtPeerExpiry(socket, identity.peerNotAfterMs, this.#deps);
    new TcpConnection({
      server,
      socket,
      firstBytes,
      upstream: upstream ?? this.#createUpstream(server, identity),
    });
  }

  #createUpstream(server: TcpServer, identity: ConnectionIdentity): TcpUpstream {
    return new TcpUpstream(server, new TcpOutcome(identity, server.nowMs()));
  }

  /** Of a peer that has not been verified. */
  #identityOf(
    socket: Socket,
    proxied: ProxiedEndpoints | undefined,
    serverName: string,
  ): ConnectionIdentity {
    const isProxied = proxied?.kind === "tcp";
    return {
      scheme: "http",
      peerPrincipal: "",
      peerCertificate: undefined,
      hostCheck: undefined,
      peerNotAfterMs: Number.POSITIVE_INFINITY,
      serverName,
      remoteAddress: isProxied ? proxied.sourceAddress : (socket.remoteAddress ?? ""),
      packetAddress: isProxied ? socket.remoteAddress : undefined,
      remotePort: isProxied ? proxied.sourcePort : (socket.remotePort ?? 0),
      localAddress: isProxied ? proxied.destinationAddress : this.#localAddressOf(socket),
      localPort: isProxied ? proxied.destinationPort : this.port,
    };
  }

  /** The address in the configuration tells it, unless it stands for all of them. */
  #localAddressOf(socket: Socket): string {
    const { host } = this.config.address;
    return host === "0.0.0.0" || host === "::" ? (socket.localAddress ?? host) : host;
  }
}
