/**
 * One bound listener: accepts connections, finds the filter chain of each, terminates TLS where the chain
 * does, and hands the connection to the chain's server.
 */
import type { Socket } from "node:net";
import { assertNever } from "../core/assert.ts";
import { MeshError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { RouteTable } from "../decision/route-table.ts";
import type { ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import { adoptHandle } from "../net/socket-reader.ts";
import { type Acceptor, type ListenFailed, TcpListener } from "../net/tcp-listener.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { type ChainServer, reconfigure } from "./chain-server.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import { type Inspection, isInspected } from "./config/listener-filters.ts";
import { ConnectionIntake, type IntakeHost, type IntakeResult } from "./connection-intake.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import { ConnectionRefusals } from "./connection-refusals.ts";
import { serveHttp } from "./downstream-codec.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import { OPAQUE, type SpokenProtocol } from "./first-bytes-verdict.ts";
import type { InheritedSockets } from "./handover/inherited-sockets.ts";
import type { OpenSocket } from "./handover/messages.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { ListenerMetrics, ProtocolCounters } from "./listener-metrics.ts";
import { ListenerTls } from "./listener-tls.ts";
import { cutAtPeerExpiry } from "./peer-expiry.ts";
import { ProxiedPeers } from "./proxied-peers.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SharedAddresses } from "./shared-addresses.ts";
import { TcpConnection } from "./tcp-connection.ts";
import { TcpOutcome } from "./tcp-outcome.ts";
import type { TcpServer } from "./tcp-server.ts";
import { TcpUpstream } from "./tcp-upstream.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

export interface ListenerDeps {
  readonly log: Logger;
  readonly secrets: SecretStore;
  readonly wallMs: () => number;
  readonly metrics: ListenerMetrics;
  readonly tlsMetrics: TlsMetrics;
  readonly timers: ProxyTimers;
  readonly faults: CallbackFaults;
  /** Present when other workers listen on the same addresses. */
  readonly sharedAddresses: SharedAddresses | undefined;
  /** Of the process before this one. */
  readonly inherited: InheritedSockets | undefined;
  /** Of all listeners of this process together. */
  readonly connectionLimit: ConnectionLimit;
}

interface Chain {
  readonly server: ChainServer;
  readonly tls: ListenerTls | undefined;
}

export class ProxyListener implements Acceptor, IntakeHost {
  #config: ListenerConfig;
  /** By the index of their chains. */
  readonly servers: readonly ChainServer[];
  /** Connections by what they speak, those of listeners of this name before it included. */
  readonly protocols: ProtocolCounters;
  readonly inspection: Inspection;
  readonly timers: ProxyTimers;
  readonly faults: CallbackFaults;
  readonly #deps: ListenerDeps;
  readonly #chains: readonly Chain[];
  readonly #intakes = new Set<ConnectionIntake>();
  readonly #onIntakesEmpty = new Set<() => void>();
  readonly #proxied = new ProxiedPeers();
  readonly #isInspected: boolean;
  #tcp: TcpListener | undefined;
  readonly #refusals: ConnectionRefusals;
  port = 0;

  readonly #onLeft = (): void => this.#deps.connectionLimit.leave();

  /** `servers` by the index of their chains in `config`. */
  constructor(config: ListenerConfig, servers: readonly ChainServer[], deps: ListenerDeps) {
    this.#config = config;
    this.servers = servers;
    this.inspection = config.inspection;
    this.timers = deps.timers;
    this.faults = deps.faults;
    this.protocols = deps.metrics.protocolsOf(config.name);
    this.#deps = deps;
    this.#refusals = new ConnectionRefusals(config.name, deps);
    this.#isInspected = isInspected(config.inspection);
    this.#chains = servers.map((server, index) => ({ server, tls: this.#createTls(index) }));
  }

  get config(): ListenerConfig {
    return this.#config;
  }

  /** Connections without a chain yet included. */
  get connectionCount(): number {
    return this.servers.reduce(
      (sum, { server }) => sum + server.connections.size,
      this.#intakes.size,
    );
  }

  /** Throws MeshError<ListenFailed>. */
  async listen(): Promise<void> {
    const { name, address } = this.#config;
    const { host, port } = address;
    this.#checkContainedCertificates();
    const tcp = new TcpListener(this);
    const { sharedAddresses, inherited } = this.#deps;
    const handle = inherited?.take({ purpose: "listener", name, host, port });
    if (handle !== undefined) {
      this.port = await tcp.adopt(handle);
      await sharedAddresses?.adopt(name, host, port, this.port);
    } else if (sharedAddresses === undefined) {
      this.port = await tcp.listen(host, port);
    } else {
      const shared = await sharedAddresses.reserve(name, host, port);
      try {
        this.port = await tcp.listen(host, shared, true);
      } catch (error) {
        sharedAddresses.release(name, host, shared);
        throw error;
      }
    }
    this.#tcp = tcp;
  }

  /**
   * Goes on with the socket of a listener on the same address: no connection is refused in between.
   * Throws MeshError<ListenFailed> for a certificate that cannot be used.
   */
  takeOver(before: ProxyListener): void {
    this.#checkContainedCertificates();
    this.#tcp = before.#tcp;
    this.port = before.port;
    before.#tcp = undefined;
    if (this.#tcp !== undefined) this.#tcp.acceptor = this;
  }

  /** Goes on with another configuration that accepts connections in the same way (`hasSameSocket`). */
  reconfigure(config: ListenerConfig, routeTables: ReadonlyMap<string, RouteTable>): void {
    this.#config = config;
    for (const [index, chain] of config.chains.entries()) {
      reconfigure(this.servers[index]!, chain, routeTables);
    }
  }

  /** Takes effect for the next request of every chain that names this table. */
  setRouteTable(name: string, table: RouteTable): void {
    for (const { kind, server } of this.servers) {
      if (kind === "http" && server.config.routesName === name) server.routeTable = table;
    }
  }

  /** Stops accepting; connections live on until drained or destroyed. */
  async close(): Promise<void> {
    if (this.#tcp === undefined) return;
    await this.#tcp.close();
    const { name, address } = this.#config;
    this.#deps.sharedAddresses?.release(name, address.host, this.port);
  }

  /** The listening socket, for the process that comes after this one. */
  get socket(): OpenSocket | undefined {
    const handle = this.#tcp?.handle;
    if (handle === undefined) return undefined;
    const { name, address } = this.#config;
    return { purpose: "listener", name, host: address.host, port: address.port, handle };
  }

  /** Stops accepting and sends clients to the process that came after this one, also those that are not served yet. */
  async replace(): Promise<void> {
    await this.close();
    for (const { server } of this.servers) server.replace();
  }

  /** Clients are told to go elsewhere with their next request. */
  announceDrain(): void {
    for (const { server } of this.servers) server.isDraining = true;
  }

  /** Finishes what is in flight. Resolves when every connection has ended. */
  async drain(): Promise<void> {
    if (this.#intakes.size > 0) {
      await new Promise<void>((resolve) => this.#onIntakesEmpty.add(resolve));
    }
    await Promise.all(this.servers.map(({ server }) => server.drain()));
  }

  endStreams(): void {
    for (const { server } of this.servers) server.endStreams();
  }

  destroyConnections(): void {
    for (const intake of this.#intakes) intake.destroy();
    for (const { server } of this.servers) server.destroyConnections();
  }

  onHandle(handle: object): void {
    try {
      this.#accept(adoptHandle(handle));
    } catch (error) {
      this.faults.report("listener", error);
    }
  }

  onAcceptError(reason: string): void {
    this.#refusals.onAcceptError(reason);
  }

  createOpaqueUpstream(
    socket: Socket,
    proxied: ProxiedEndpoints | undefined,
  ): TcpUpstream | undefined {
    const chain = this.#chainFor(OPAQUE, proxied);
    if (chain === undefined || chain.tls !== undefined || chain.server.kind !== "tcp") {
      return undefined;
    }
    return this.#createUpstream(chain.server.server, this.#identityOf(socket, proxied, ""));
  }

  onDecided(intake: ConnectionIntake, result: IntakeResult): void {
    const { socket, spoken, proxied } = result;
    const chain = this.#chainFor(spoken, proxied);
    if (chain === undefined) {
      result.upstream?.abort();
      const name = spoken.serverName === "" ? "" : ` for server name ${spoken.serverName}`;
      const reason = `no filter chain matches ${spoken.transportProtocol}${name}`;
      this.#refusals.tell(remoteAddressOf(socket), "no-filter-chain", reason);
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
    this.#forget(intake);
  }

  onRefused(intake: ConnectionIntake, socket: Socket, code: string, reason: string): void {
    if (code !== "") this.#refusals.tell(remoteAddressOf(socket), code, reason);
    this.#forget(intake);
  }

  #accept(socket: Socket): void {
    const { connectionLimit } = this.#deps;
    if (!connectionLimit.tryEnter()) {
      this.#refusals.closeSurplus(socket);
      return;
    }
    socket.once("close", this.#onLeft);
    if (this.#isInspected) {
      socket.setNoDelay(true);
      this.#intakes.add(new ConnectionIntake(socket, this));
      return;
    }
    // Nothing of a connection can change which chain it gets.
    const chain = this.#chainFor(OPAQUE, undefined);
    if (chain === undefined) {
      this.#refusals.tell(remoteAddressOf(socket), "no-filter-chain", "no filter chain matches");
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

  #chainFor(spoken: SpokenProtocol, proxied: ProxiedEndpoints | undefined): Chain | undefined {
    const { table, defaultChain } = this.#config;
    const destinationPort = proxied?.kind === "tcp" ? proxied.destinationPort : this.port;
    const index = table.find({ ...spoken, destinationPort }) ?? defaultChain;
    return this.#chains[index];
  }

  #createTls(index: number): ListenerTls | undefined {
    const settings = this.#config.chains[index]?.tls;
    if (settings === undefined) return undefined;
    const { log, secrets, wallMs, tlsMetrics } = this.#deps;
    return new ListenerTls({
      listener: this.#config.name,
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
          peerNotAfterMs: peer.notAfterMs,
        };
        this.#serve(this.servers[index]!, socket, identity, undefined);
      },
      onRefused: (remoteAddress, code, reason) => this.#refusals.tell(remoteAddress, code, reason),
    });
  }

  /** Sockets of this process, so that a wrong certificate in the configuration is told before any comes. */
  #checkContainedCertificates(): void {
    for (const { tls } of this.#chains) {
      const reason = tls?.certificateFault();
      if (reason === undefined) continue;
      const { host, port } = this.#config.address;
      const detail: ListenFailed = { code: "listen-failed", address: `${host}:${port}`, reason };
      throw new MeshError(detail, `listener ${this.#config.name}: ${reason}`);
    }
  }

  #servePlain(chain: Chain, { socket, spoken, proxied, firstBytes, upstream }: IntakeResult): void {
    const identity = this.#identityOf(socket, proxied, spoken.serverName);
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
      peerNotAfterMs: Number.POSITIVE_INFINITY,
      serverName,
      remoteAddress: isProxied ? proxied.sourceAddress : (socket.remoteAddress ?? ""),
      remotePort: isProxied ? proxied.sourcePort : (socket.remotePort ?? 0),
      localAddress: isProxied ? proxied.destinationAddress : this.#localAddressOf(socket),
      localPort: isProxied ? proxied.destinationPort : this.port,
    };
  }

  /** The address in the configuration tells it, unless it stands for all of them. */
  #localAddressOf(socket: Socket): string {
    const { host } = this.#config.address;
    return host === "0.0.0.0" || host === "::" ? (socket.localAddress ?? host) : host;
  }

  #forget(intake: ConnectionIntake): void {
    this.#intakes.delete(intake);
    if (this.#intakes.size > 0) return;
    for (const resolve of this.#onIntakesEmpty) resolve();
    this.#onIntakesEmpty.clear();
  }
}
