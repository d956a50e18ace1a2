/**
 * One bound listener: accepts connections, reads their first bytes where their chain depends on them, and leaves them
 * to its filter chains.
 */
import type { Socket } from "node:net";
import type { RouteTable } from "../decision/route-table.ts";
import type { ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import { adoptHandle } from "../net/socket-reader.ts";
import { type Acceptor, TcpListener } from "../net/tcp-listener.ts";
import { remoteAddressOf } from "../net/tls-acceptor.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { type ChainServer, reconfigure } from "./chain-server.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import { type Inspection, isInspected } from "./config/listener-filters.ts";
import { ConnectionIntake, type IntakeHost, type IntakeResult } from "./connection-intake.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import { ConnectionRefusals } from "./connection-refusals.ts";
import type { InheritedSockets } from "./handover/inherited-sockets.ts";
import type { OpenSocket } from "./handover/messages.ts";
import type { ProxyTimers } from "./http-server.ts";
import { ListenerChains, type ListenerChainsDeps } from "./listener-chains.ts";
import type { ProtocolCounters } from "./listener-metrics.ts";
import type { SharedAddresses } from "./shared-addresses.ts";
import type { TcpUpstream } from "./tcp-upstream.ts";

export interface ListenerDeps extends ListenerChainsDeps {
  readonly faults: CallbackFaults;
  /** Present when other workers listen on the same addresses. */
  readonly sharedAddresses: SharedAddresses | undefined;
  /** Of the process before this one. */
  readonly inherited: InheritedSockets | undefined;
  /** Of all listeners of this process together. */
  readonly connectionLimit: ConnectionLimit;
}

export class ProxyListener implements Acceptor, IntakeHost {
  readonly inspection: Inspection;
  readonly timers: ProxyTimers;
  readonly faults: CallbackFaults;
  readonly #deps: ListenerDeps;
  readonly #chains: ListenerChains;
  /** By the index of their chains. */
  readonly servers: readonly ChainServer[];
  readonly #intakes = new Set<ConnectionIntake>();
  readonly #onIntakesEmpty = new Set<() => void>();
  readonly #isInspected: boolean;
  #tcp: TcpListener | undefined;
  readonly #refusals: ConnectionRefusals;

  readonly #onLeft = (): void => this.#deps.connectionLimit.leave();

  /** `servers` by the index of their chains in `config`. */
  constructor(config: ListenerConfig, servers: readonly ChainServer[], deps: ListenerDeps) {
    this.servers = servers;
    this.inspection = config.inspection;
    this.timers = deps.timers;
    this.faults = deps.faults;
    this.#deps = deps;
    this.#refusals = new ConnectionRefusals(config.name, deps);
    this.#isInspected = isInspected(config.inspection);
    this.#chains = new ListenerChains(config, servers, this.#refusals, deps);
  }

  get config(): ListenerConfig {
    return this.#chains.config;
  }

  /** That it is bound to. */
  get port(): number {
    return this.#chains.port;
  }

  /** Connections by what they speak, those of listeners of this name before it included. */
  get protocols(): ProtocolCounters {
    return this.#chains.protocols;
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
    const { name, address } = this.config;
    const { host, port } = address;
    this.#chains.checkContainedCertificates();
    const tcp = new TcpListener(this);
    const { sharedAddresses, inherited } = this.#deps;
    const handle = inherited?.take({ purpose: "listener", name, host, port });
    if (handle !== undefined) {
      this.#chains.port = await tcp.adopt(handle);
      await sharedAddresses?.adopt(name, host, port, this.port);
    } else if (sharedAddresses === undefined) {
      this.#chains.port = await tcp.listen(host, port);
    } else {
      const shared = await sharedAddresses.reserve(name, host, port);
      try {
        this.#chains.port = await tcp.listen(host, shared, true);
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
    this.#chains.checkContainedCertificates();
    this.#tcp = before.#tcp;
    this.#chains.port = before.port;
    before.#tcp = undefined;
    if (this.#tcp !== undefined) this.#tcp.acceptor = this;
  }

  /** Goes on with another configuration that accepts connections in the same way (`hasSameSocket`). */
  reconfigure(config: ListenerConfig, routeTables: ReadonlyMap<string, RouteTable>): void {
    this.#chains.config = config;
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
    const { name, address } = this.config;
    this.#deps.sharedAddresses?.release(name, address.host, this.port);
  }

  /** The listening socket, for the process that comes after this one. */
  get socket(): OpenSocket | undefined {
    const handle = this.#tcp?.handle;
    if (handle === undefined) return undefined;
    const { name, address } = this.config;
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

  /** Callers in plain text have to go: TCP connections at once, others when their request is over. */
  drainPlainText(): void {
    for (const { kind, server } of this.#chains.plainServers) {
      if (kind === "tcp") server.destroyConnections();
      else void server.drain();
    }
  }

  cutPlainText(): void {
    for (const { server } of this.#chains.plainServers) server.destroyConnections();
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
    return this.#chains.createOpaqueUpstream(socket, proxied);
  }

  onDecided(intake: ConnectionIntake, result: IntakeResult): void {
    this.#chains.serve(result);
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
    this.#chains.serveUnread(socket);
  }

  #forget(intake: ConnectionIntake): void {
    this.#intakes.delete(intake);
    if (this.#intakes.size > 0) return;
    for (const resolve of this.#onIntakesEmpty) resolve();
    this.#onIntakesEmpty.clear();
  }
}
