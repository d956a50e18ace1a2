/**
 * One address of a cluster with its connections: idle ones are used again newest first, requests that
 * found none wait in order for the next that connects or becomes free.
 */
import { IDLE_CONNECTIONS_PER_ENDPOINT_MAX } from "../core/limits.ts";
import type { WorkloadLabels } from "../telemetry/request-metrics.ts";
import type { DialResult, PendingDial } from "./dialer.ts";
import type { ConnectionBudget, EndpointServices } from "./endpoint-services.ts";
import { OutcomeSeries } from "./outcome-series.ts";
import { RawConnections } from "./raw-connections.ts";
import type { ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import type { UpstreamConnection, UpstreamConnectionOwner } from "./upstream-connection.ts";

/** A peer that told its idle limit may close this much before it: its clock runs from its own last byte. */
const PEER_IDLE_MARGIN_MS = 1_000;
/** After a connection that could not be made others are preferred for this long, doubled with each failure in a row. */
const UNREACHABLE_MS = 500;
const UNREACHABLE_MS_MAX = 10_000;
/** Time constant of the latency average. Finagle's and linkerd's default. */
const EWMA_DECAY_MS = 10_000;

export interface EndpointInfo {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly isHealthy: boolean;
  readonly priority: number;
  readonly zone: string;
  readonly workload: WorkloadLabels;
}

export class Endpoint implements UpstreamConnectionOwner {
  readonly key: string;
  #info: EndpointInfo;
  readonly #services: EndpointServices;
  readonly #budget: ConnectionBudget;
  readonly #nowMs: () => number;
  readonly #raw: RawConnections;
  readonly #connections = new Set<UpstreamConnection>();
  readonly #dials = new Set<PendingDial>();
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: ClientStreamHandler[] = [];
  #isServeScheduled = false;
  #isRemoved = false;
  activeRequests = 0;
  requestsTotal = 0;
  connectFailures = 0;
  #failuresInRow = 0;
  /** Until then, by `nowMs`, balancers that compare prefer others. */
  unreachableUntilMs = 0;
  /** Peak-EWMA of latency in milliseconds, and when it was last brought up to date. */
  ewmaMs = 0;
  ewmaAtMs = 0;
  outcomes = new OutcomeSeries();

  constructor(info: EndpointInfo, services: EndpointServices) {
    this.key = `${info.host}:${info.port}`;
    this.#info = info;
    this.#services = services;
    this.#budget = services.budget;
    this.#nowMs = services.nowMs;
    this.#raw = new RawConnections(this, services);
  }

  get info(): EndpointInfo {
    return this.#info;
  }

  get connectionCount(): number {
    return this.#connections.size + this.#raw.count;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** The same address with other properties. Another workload there is counted anew. */
  update(info: EndpointInfo): void {
    if (!isSameWorkload(this.#info.workload, info.workload)) this.outcomes = new OutcomeSeries();
    this.#info = info;
  }

  /** Gives the handler a connection now or later. Returns false when a limit forbids to wait. */
  acquire(handler: ClientStreamHandler, nowMs: number, _isHttp2: boolean): boolean {
    // Those who wait come first.
    const connection = this.#waiting.length === 0 ? this.#popIdle(nowMs) : undefined;
    if (connection !== undefined) {
      handler.onStreamReady(connection.open(handler));
      return true;
    }
    if (!this.#budget.admitPending()) return false;
    this.#waiting.push(handler);
    this.#dialForWaiting();
    return true;
  }

  /** The handler does not want a connection any more. */
  cancel(handler: ClientStreamHandler): void {
    const index = this.#waiting.indexOf(handler);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#budget.releasePending();
  }

  /**
   * A socket of this endpoint that carries something other than HTTP. It counts as a connection and as a
   * request of this endpoint until it closes; the socket then belongs to whoever asked. A failure counts as that
   * of any other connection. Returns undefined when a limit forbids it.
   */
  dialRaw(onResult: (result: DialResult) => void): PendingDial | undefined {
    return this.#raw.dial(onResult);
  }

  onRequestStart(): void {
    this.activeRequests += 1;
    this.requestsTotal += 1;
  }

  onRequestEnd(): void {
    this.activeRequests -= 1;
  }

  /** Peak-sensitive average: a slow answer counts at once, faster ones bring it down over time. */
  observeLatency(latencyMs: number, nowMs: number): void {
    if (latencyMs >= this.ewmaMs) {
      this.ewmaMs = latencyMs;
    } else {
      const weight = Math.exp((this.ewmaAtMs - nowMs) / EWMA_DECAY_MS);
      this.ewmaMs = this.ewmaMs * weight + latencyMs * (1 - weight);
    }
    this.ewmaAtMs = nowMs;
  }

  onConnectionRoom(connection: UpstreamConnection): void {
    const isWanted = this.#waiting.length > 0;
    const isFull = this.#idle.length >= IDLE_CONNECTIONS_PER_ENDPOINT_MAX;
    if (isFull || (this.#isRemoved && !isWanted)) {
      connection.destroy();
      return;
    }
    connection.pooled.idleSinceMs = this.#nowMs();
    this.#idle.push(connection);
    if (!isWanted || this.#isServeScheduled) return;
    // Not in this turn: surplus bytes behind the last answer may still be on their way to the parser,
    // and would be taken for the answer to the next request (T10).
    this.#isServeScheduled = true;
    setImmediate(this.#serveWaiting);
  }

  onConnectionClosed(connection: UpstreamConnection): void {
    this.#connections.delete(connection);
    this.#budget.releaseConnection();
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#dialForWaiting();
  }

  /** Closes connections that were idle too long. Called now and then. */
  sweep(): void {
    const nowMs = this.#nowMs();
    for (const connection of this.#idle) {
      if (this.#isStale(connection, nowMs)) connection.destroy();
    }
  }

  /** The endpoint left its cluster: idle connections end now, busy ones with their request. */
  remove(): void {
    this.#isRemoved = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Ends every connection, whatever it carries, and every attempt to make one. Nobody is told. */
  abort(): void {
    this.#isRemoved = true;
    for (const dial of this.#dials) dial.abort();
    for (const connection of this.#connections) connection.destroy();
    this.#raw.abort();
  }

  #popIdle(nowMs: number): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (!connection.isClosed && !this.#isStale(connection, nowMs)) return connection;
      connection.destroy();
    }
  }

  /** The peer's own limit counts too, with a margin: a request must not meet its closing. */
  #isStale(connection: UpstreamConnection, nowMs: number): boolean {
    const told = connection.peerIdleLimitMs;
    const marginMs = Math.min(PEER_IDLE_MARGIN_MS, told / 2);
    const ownMs = this.#budget.idleTimeoutMs;
    const limitMs = told === 0 ? ownMs : Math.min(ownMs, told - marginMs);
    return nowMs - connection.pooled.idleSinceMs > limitMs;
  }

  readonly #serveWaiting = (): void => {
    this.#isServeScheduled = false;
    while (this.#waiting.length > 0) {
      const connection = this.#popIdle(this.#nowMs());
      if (connection === undefined) break;
      this.#serve(connection);
    }
    this.#dialForWaiting();
  };

  #serve(connection: UpstreamConnection): void {
    const next = this.#takeWaiting();
    if (next === undefined) return;
    try {
      next.onStreamReady(connection.open(next));
    } catch (error) {
      connection.onFault(error);
    }
  }

  #takeWaiting(): ClientStreamHandler | undefined {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#budget.releasePending();
    return next;
  }

  /** One attempt for each that waits, as far as the cluster's limit allows. */
  #dialForWaiting(): void {
    while (this.#dials.size < this.#waiting.length) {
      const isFirst = this.#connections.size + this.#dials.size === 0;
      if (!this.#budget.admitConnection(isFirst)) return;
      const dial = this.#services.dialer.dial(this.#info, this.#services.alpn, (result) =>
        this.#onDialed(dial, result),
      );
      this.#dials.add(dial);
    }
  }

  #onDialed(dial: PendingDial, result: DialResult): void {
    this.#dials.delete(dial);
    if (result.kind !== "connected") {
      this.#budget.releaseConnection();
      this.onUnreachable();
      this.#failWaiting(result);
      return;
    }
    this.onReachable();
    const connection = this.#services.createConnection("http1", result.socket, this);
    this.#connections.add(connection);
    if (this.#waiting.length > 0) this.#serve(connection);
    else this.onConnectionRoom(connection);
  }

  onReachable(): void {
    this.#failuresInRow = 0;
    this.unreachableUntilMs = 0;
  }

  /** An endpoint that refuses at once would look like the fastest of all. */
  onUnreachable(): void {
    this.#budget.onConnectFailure();
    this.connectFailures += 1;
    const pauseMs = Math.min(UNREACHABLE_MS_MAX, UNREACHABLE_MS * 2 ** this.#failuresInRow);
    this.#failuresInRow += 1;
    this.unreachableUntilMs = this.#nowMs() + pauseMs;
  }

  /** One attempt failed: so does the request that it was for, and those that nothing else is left for. */
  #failWaiting(failure: UpstreamFailure): void {
    const affected = [this.#takeWaiting()];
    if (this.#connections.size === 0) {
      while (this.#waiting.length > this.#dials.size) affected.push(this.#takeWaiting());
    }
    for (const handler of affected) handler?.onUpstreamFailure(failure);
    this.#dialForWaiting();
  }
}

function isSameWorkload(a: WorkloadLabels, b: WorkloadLabels): boolean {
  return (
    a.workload === b.workload &&
    a.namespace === b.namespace &&
    a.canonicalService === b.canonicalService &&
    a.canonicalRevision === b.canonicalRevision &&
    a.app === b.app &&
    a.version === b.version &&
    a.cluster === b.cluster &&
    a.principal === b.principal
  );
}
