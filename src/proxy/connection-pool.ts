/**
 * The HTTP connections of one endpoint. HTTP/1.1 connections carry one request each and are used again
 * newest first; multiplexed ones are few and shared. Requests that find no room wait in order for a
 * connection that gets room or is made.
 */
import { messageOf } from "../core/errors.ts";
import {
  PEER_EXPIRY_SUCCESSION_MS,
  SHARED_CONNECTION_AGE_JITTER,
  SHARED_CONNECTION_AGE_MS,
  SHARED_CONNECTIONS_PER_ENDPOINT_MAX,
} from "../core/limits.ts";
import type { PoolProtocol } from "./config/upstream-http-config.ts";
import type { ConnectedSocket, DialResult, DialTarget, PendingDial } from "./dialer.ts";
import type { EndpointServices } from "./endpoint-services.ts";
import { IdleConnections } from "./idle-connections.ts";
import { atPeerExpiry } from "./peer-expiry.ts";
import { SharedConnections } from "./shared-connections.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import type { UpstreamCodec } from "./upstream-codec.ts";
import type { UpstreamConnection, UpstreamConnectionOwner } from "./upstream-connection.ts";

/** Whose pool it is. */
export interface PoolOwner {
  readonly info: DialTarget;
  /** Connections that are there, those of other pools of the same owner included. */
  readonly connectionCount: number;
  /** Requests without a connection, those of other pools included: pools count. */
  waitingCount: number;
  /** After an attempt that failed, by the monotonic clock: nothing is dialled until then that nobody waits for. */
  readonly unreachableUntilMs: number;
  /** `peerPrincipal`: as in `ConnectedSocket`. */
  onReachable(peerPrincipal: string): void;
  onUnreachable(kind: UpstreamFailure["kind"]): void;
}

export class ConnectionPool implements UpstreamConnectionOwner {
  readonly #owner: PoolOwner;
  readonly #services: EndpointServices;
  readonly #protocol: PoolProtocol;
  /** All that have not closed yet, those that are draining included. */
  readonly #connections = new Set<UpstreamConnection>();
  readonly #idle: IdleConnections;
  readonly #shared: SharedConnections;
  readonly #dials = new Set<PendingDial>();
  readonly #waiting: ClientStreamHandler[] = [];
  /** What the last connection turned out to speak. */
  #lastCodec: UpstreamCodec | undefined;
  #isServeScheduled = false;
  #isRemoved = false;

  constructor(owner: PoolOwner, services: EndpointServices, protocol: PoolProtocol) {
    this.#owner = owner;
    this.#services = services;
    this.#protocol = protocol;
    this.#idle = new IdleConnections(services.http.idleTimeoutMs);
    this.#shared = new SharedConnections(services.http.idleTimeoutMs);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Nobody uses it or waits for it. */
  get isEmpty(): boolean {
    return this.#connections.size === 0 && this.#dials.size === 0 && this.#waiting.length === 0;
  }

  /** Connections without a request. */
  get idleCount(): number {
    return this.#idle.count + this.#shared.idleCount;
  }

  /** Gives the handler a connection now or later. Returns false when a limit forbids to wait. */
  acquire(handler: ClientStreamHandler, nowMs: number): boolean {
    // Those who wait come first.
    const connection = this.#waiting.length === 0 ? this.#take(nowMs) : undefined;
    if (connection !== undefined) {
      handler.onStreamReady(connection.open(handler));
      this.#afterOpen(connection);
      return true;
    }
    if (!this.#services.budget.admitPending(handler.isUrgent)) return false;
    this.#enqueue(handler);
    this.#dialForWaiting();
    return true;
  }

  /** The handler does not want a connection any more. */
  cancel(handler: ClientStreamHandler): void {
    const index = this.#waiting.indexOf(handler);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#owner.waitingCount -= 1;
    this.#services.budget.releasePending(handler.isUrgent);
  }

  /** In order, but urgent requests before the others. */
  #enqueue(handler: ClientStreamHandler): void {
    const waiting = this.#waiting;
    let at = waiting.length;
    if (handler.isUrgent === true) {
      while (at > 0 && waiting[at - 1]!.isUrgent !== true) at -= 1;
    }
    waiting.splice(at, 0, handler);
    this.#owner.waitingCount += 1;
  }

  onConnectionRoom(connection: UpstreamConnection): void {
    const isWanted = this.#waiting.length > 0;
    if (connection.isMultiplexed) {
      const isIdle = connection.activeStreams === 0;
      if (isIdle) connection.pooled.becomeIdle(this.#services.nowMs());
    } else if (this.#isRemoved && !isWanted) {
      connection.destroy();
      return;
    } else {
      this.#idle.push(connection, this.#services.nowMs());
    }
    if (!isWanted || this.#isServeScheduled) return;
    // Not in this turn: surplus bytes behind the last answer may still be on their way to the parser,
    // and would be taken for the answer to the next request (T10).
    this.#isServeScheduled = true;
    setImmediate(this.#serveWaiting);
  }

  onConnectionDraining(connection: UpstreamConnection): void {
    this.#shared.remove(connection);
    this.#dialForWaiting();
  }

  onConnectionClosed(connection: UpstreamConnection): void {
    this.#connections.delete(connection);
    this.#services.budget.releaseConnection();
    if (!connection.isMultiplexed) {
      this.#idle.remove(connection);
    } else {
      this.#shared.remove(connection);
      // A peer that ends every connection before it takes a request would otherwise be dialled for ever.
      if (connection.pooled.requestCount === 0 && this.#waiting.length > 0) {
        this.#onDialFailed({
          kind: "connection-closed",
          reason: "connection closed before its use",
        });
        return;
      }
    }
    this.#dialForWaiting();
  }

  /** Ends connections that were idle too long, and lets old ones be succeeded. Called now and then. */
  sweep(): void {
    const nowMs = this.#services.nowMs();
    this.#idle.sweep(nowMs);
    if (!this.#shared.sweep(nowMs) || this.#dials.size > 0) return;
    // The old one carries on until the new one is there; where none may be made, it makes way at once.
    if (nowMs >= this.#owner.unreachableUntilMs && !this.#dial()) this.#shared.drainOld(nowMs);
  }

  /** Requests go elsewhere for now: idle connections end, shared ones with their last request. */
  leave(): void {
    this.#idle.clear();
    this.#shared.drainAll();
  }

  /** The endpoint left its cluster: idle connections end now, busy ones with their requests. */
  remove(): void {
    this.#isRemoved = true;
    this.#idle.clear();
    this.#shared.drainAll();
  }

  /** Ends every connection, whatever it carries, and every attempt to make one. Nobody is told. */
  abort(): void {
    this.#isRemoved = true;
    // Nobody waits any more, so that nothing is dialled for them when the connections have closed.
    while (this.#waiting.length > 0) this.#takeWaiting();
    for (const dial of this.#dials) {
      dial.abort();
      this.#services.budget.releaseConnection();
    }
    this.#dials.clear();
    for (const connection of this.#connections) connection.destroy();
  }

  #take(nowMs: number): UpstreamConnection | undefined {
    return this.#shared.count > 0 ? this.#takeShared(nowMs) : this.#idle.pop(nowMs);
  }

  #takeShared(nowMs: number): UpstreamConnection | undefined {
    const connection = this.#shared.choose();
    if (connection === undefined) return this.#idle.pop(nowMs);
    if (this.#shared.isCrowded) this.#grow(nowMs);
    return connection;
  }

  /** Nobody waits for the new connection: the requests behind this one profit. */
  #grow(nowMs: number): void {
    const isFew = this.#shared.count < SHARED_CONNECTIONS_PER_ENDPOINT_MAX;
    if (!isFew || this.#dials.size > 0 || this.#isRemoved) return;
    if (nowMs >= this.#owner.unreachableUntilMs) this.#dial();
  }

  #afterOpen(connection: UpstreamConnection): void {
    const notes = connection.pooled;
    notes.requestCount += 1;
    if (notes.requestCount < this.#services.http.requestsPerConnectionMax) return;
    if (connection.isMultiplexed) this.#shared.drain(connection);
    else connection.drain();
  }

  readonly #serveWaiting = (): void => {
    this.#isServeScheduled = false;
    while (this.#waiting.length > 0) {
      const connection = this.#take(this.#services.nowMs());
      if (connection === undefined) break;
      this.#serve(connection);
    }
    this.#dialForWaiting();
  };

  #serve(connection: UpstreamConnection): void {
    const next = this.#takeWaiting();
    if (next === undefined) return;
    const stream = connection.open(next);
    try {
      next.onStreamReady(stream);
    } catch (error) {
      this.#onFault(next, stream, error);
    }
    this.#afterOpen(connection);
  }

  /** An exchange has thrown: it ends, and those beside it on a shared connection go on. */
  #onFault(handler: ClientStreamHandler, stream: ClientStream, error: unknown): void {
    const { faults } = this.#services;
    faults.report("upstream connection", error);
    stream.reset();
    try {
      handler.onUpstreamFailure({ kind: "protocol-error", reason: "an error of this proxy" });
    } catch (second) {
      // The exchange itself is broken. Its timeouts or its client end it.
      faults.report("upstream connection", second);
    }
  }

  #takeWaiting(): ClientStreamHandler | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    this.#owner.waitingCount -= 1;
    this.#services.budget.releasePending(next.isUrgent);
    return next;
  }

  /**
   * One attempt for each that waits, as far as the cluster's limit allows. Where all of them fit on one
   * connection, or may do so, it is one attempt at a time.
   */
  #dialForWaiting(): void {
    if (this.#isServeScheduled) return;
    while (this.#dials.size < this.#waiting.length) {
      if (this.#dials.size > 0 && this.#expectedCodec !== "http1") return;
      if (!this.#dial()) return;
    }
  }

  /** Undefined before the first handshake has told. */
  get #expectedCodec(): UpstreamCodec | undefined {
    const { codec } = this.#protocol;
    return codec === "alpn" ? this.#lastCodec : codec;
  }

  /** Returns false when the cluster's limit forbids it. */
  #dial(): boolean {
    const { budget, dialer } = this.#services;
    const isFirst = this.#dials.size === 0 && this.#hasNone();
    const count = this.#owner.connectionCount + this.#dials.size;
    if (count >= budget.hostConnectionsMax && !isFirst) return false;
    if (!budget.admitConnection(isFirst, this.#waiting[0]?.isUrgent)) return false;
    const { alpn } = this.#protocol;
    const dial = dialer.dial(this.#owner.info, alpn, (result) => this.#onDialed(dial, result));
    this.#dials.add(dial);
    return true;
  }

  /** There is no connection that takes requests, now or later. */
  #hasNone(): boolean {
    for (const connection of this.#connections) {
      if (!connection.isDraining) return false;
    }
    return true;
  }

  #onDialed(dial: PendingDial, result: DialResult): void {
    this.#dials.delete(dial);
    if (result.kind !== "connected") {
      this.#services.budget.releaseConnection();
      this.#onDialFailed(result);
      return;
    }
    this.#owner.onReachable(result.peerPrincipal);
    const connection = this.#connectionOn(result);
    if (connection.isMultiplexed) {
      this.#onSharedConnected(connection);
    } else {
      if (this.#waiting.length > 0) this.#serve(connection);
      else this.onConnectionRoom(connection);
      // Others may have waited to see what it speaks.
      this.#dialForWaiting();
    }
  }

  #connectionOn(connected: ConnectedSocket): UpstreamConnection {
    const { http, nowMs, prng, faults } = this.#services;
    const connection = this.#createConnection(connected);
    this.#connections.add(connection);
    const beganMs = nowMs();
    connection.pooled.becomeIdle(beganMs);
    const defaultMs = connection.isMultiplexed
      ? SHARED_CONNECTION_AGE_MS
      : Number.POSITIVE_INFINITY;
    const ageMs = http.connectionAgeMsMax ?? defaultMs;
    // Those that were made together do not all end together.
    const jitter = 1 - SHARED_CONNECTION_AGE_JITTER * prng.next();
    connection.pooled.expireAt(beganMs + Math.min(ageMs * jitter, this.#lifeOf(connected)));
    const owner = { onFault: (error: unknown) => faults.report("upstream connection", error) };
    atPeerExpiry(connected.socket, connected.peerNotAfterMs, this.#services, owner, () =>
      this.#onPeerExpired(connection),
    );
    return connection;
  }

  /** Until its successor is wanted: before the peer's certificate expires, yet not at once where that is soon. */
  #lifeOf({ peerNotAfterMs }: ConnectedSocket): number {
    const leftMs = peerNotAfterMs - this.#services.wallMs();
    return Math.max(leftMs / 2, leftMs - PEER_EXPIRY_SUCCESSION_MS);
  }

  /** Whether or not there is a successor, nothing goes to a peer whose certificate has expired. */
  #onPeerExpired(connection: UpstreamConnection): void {
    this.#shared.remove(connection);
    this.#idle.remove(connection);
    connection.drain();
    this.#dialForWaiting();
  }

  #createConnection({ socket, alpn }: ConnectedSocket): UpstreamConnection {
    const { codec } = this.#protocol;
    // A peer that agrees on nothing is spoken to as the configuration says, as Envoy does.
    const spoken = codec !== "alpn" ? codec : alpn === "h2" ? "http2" : "http1";
    this.#lastCodec = spoken;
    try {
      return this.#services.createConnection(spoken, socket, this);
    } catch (error) {
      // Whoever dialled reports it and ends the socket.
      this.#services.budget.releaseConnection();
      this.#onDialFailed({ kind: "protocol-error", reason: messageOf(error) });
      throw error;
    }
  }

  #onSharedConnected(connection: UpstreamConnection): void {
    this.#shared.add(connection);
    // Old ones that waited for this one.
    this.#shared.sweep(this.#services.nowMs());
    this.#serveWaiting();
    if (this.#isRemoved) this.#shared.drainAll();
  }

  /** One attempt failed: so does the request that it was for, and those that nothing else is left for. */
  #onDialFailed(failure: UpstreamFailure): void {
    this.#owner.onUnreachable(failure.kind);
    const affected = [this.#takeWaiting()];
    const isOtherForAll = this.#dials.size > 0 && this.#expectedCodec !== "http1";
    if (this.#hasNone() && !isOtherForAll) {
      while (this.#waiting.length > this.#dials.size) affected.push(this.#takeWaiting());
    }
    for (const handler of affected) handler?.onUpstreamFailure(failure);
    this.#dialForWaiting();
  }
}
