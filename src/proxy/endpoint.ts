/**
 * One address of a cluster with its connections: idle ones are used again newest first, requests that
 * found none wait in order for the next that connects or becomes free.
 */
import { IDLE_CONNECTIONS_PER_ENDPOINT_MAX } from "../core/limits.ts";
import type { WorkloadLabels } from "../telemetry/request-metrics.ts";
import type { Dialer } from "./dialer.ts";
import type { ConnectionOwner, Http1ClientConnection } from "./http1-client-connection.ts";
import { OutcomeSeries } from "./outcome-series.ts";
import type { ClientStreamHandler, UpstreamFailure } from "./stream.ts";

/** A peer that told its idle limit may close this much before it: its clock runs from its own last byte. */
const PEER_IDLE_MARGIN_MS = 1_000;

export interface EndpointInfo {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly isHealthy: boolean;
  readonly priority: number;
  readonly zone: string;
  readonly workload: WorkloadLabels;
}

/** Limits that the endpoints of a cluster share. */
export interface ConnectionBudget {
  admitConnection(): boolean;
  releaseConnection(): void;
  readonly pendingMax: number;
  /** Milliseconds after which an idle connection is closed. */
  readonly idleTimeoutMs: number;
}

export class Endpoint implements ConnectionOwner {
  readonly key: string;
  info: EndpointInfo;
  readonly #dialer: Dialer;
  readonly #budget: ConnectionBudget;
  readonly #nowMs: () => number;
  readonly #idle: Http1ClientConnection[] = [];
  readonly #waiting: ClientStreamHandler[] = [];
  #connectionCount = 0;
  #dialingCount = 0;
  #isRemoved = false;
  activeRequests = 0;
  requestsTotal = 0;
  connectFailures = 0;
  /** Peak-EWMA of latency in milliseconds, and when it was last brought up to date. */
  ewmaMs = 0;
  ewmaAtMs = 0;
  readonly outcomes = new OutcomeSeries();

  constructor(info: EndpointInfo, dialer: Dialer, budget: ConnectionBudget, nowMs: () => number) {
    this.key = `${info.host}:${info.port}`;
    this.info = info;
    this.#dialer = dialer;
    this.#budget = budget;
    this.#nowMs = nowMs;
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** Gives the handler a connection now or later. Returns false when a limit forbids to wait. */
  acquire(handler: ClientStreamHandler): boolean {
    const connection = this.#popIdle();
    if (connection !== undefined) {
      connection.attach(handler);
      handler.onStreamReady(connection);
      return true;
    }
    if (this.#waiting.length >= this.#budget.pendingMax) return false;
    if (this.#dialingCount <= this.#waiting.length) {
      if (!this.#budget.admitConnection()) return false;
      this.#dial();
    }
    this.#waiting.push(handler);
    return true;
  }

  /** The handler does not want a connection any more. */
  cancel(handler: ClientStreamHandler): void {
    const index = this.#waiting.indexOf(handler);
    if (index >= 0) this.#waiting.splice(index, 1);
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

  onConnectionIdle(connection: Http1ClientConnection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      connection.attach(next);
      next.onStreamReady(connection);
      connection.flush();
      return;
    }
    if (this.#isRemoved || this.#idle.length >= IDLE_CONNECTIONS_PER_ENDPOINT_MAX) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = this.#nowMs();
    this.#idle.push(connection);
  }

  onConnectionClosed(connection: Http1ClientConnection): void {
    this.#connectionCount -= 1;
    this.#budget.releaseConnection();
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Closes connections that were idle too long. Called now and then. */
  sweep(): void {
    const nowMs = this.#nowMs();
    while (this.#idle.length > 0 && this.#isStale(this.#idle[0]!, nowMs))
      this.#idle.shift()!.destroy();
  }

  /** The endpoint left its cluster: idle connections end now, busy ones with their request. */
  remove(): void {
    this.#isRemoved = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  #popIdle(): Http1ClientConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (!connection.isClosed && !this.#isStale(connection, this.#nowMs())) return connection;
      connection.destroy();
    }
  }

  /** The peer's own limit counts too, with a margin: a request must not meet its closing. */
  #isStale(connection: Http1ClientConnection, nowMs: number): boolean {
    const told = connection.peerIdleLimitMs;
    const ownMs = this.#budget.idleTimeoutMs;
    const limitMs = told === 0 ? ownMs : Math.min(ownMs, Math.max(0, told - PEER_IDLE_MARGIN_MS));
    return nowMs - connection.idleSinceMs > limitMs;
  }

  #dial(): void {
    this.#dialingCount += 1;
    this.#dialer.dial(this.info, this, (result) => {
      this.#dialingCount -= 1;
      if (result.kind !== "connected") {
        this.#budget.releaseConnection();
        this.connectFailures += 1;
        this.#failOneWaiting(result);
        return;
      }
      this.#connectionCount += 1;
      this.onConnectionIdle(result.connection);
    });
  }

  #failOneWaiting(failure: UpstreamFailure): void {
    const handler = this.#waiting.shift();
    handler?.onUpstreamFailure(failure);
    handler?.onUpstreamTurnEnd();
  }
}

/** Time constant of the latency average. Finagle's and linkerd's default. */
const EWMA_DECAY_MS = 10_000;
