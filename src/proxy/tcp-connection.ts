/**
 * One proxied TCP connection: two sockets and what flows between them, until both directions have ended,
 * one side breaks, or nothing has come for too long.
 */
import type { Socket } from "node:net";
import { TimerEntry } from "../core/timer-wheel.ts";
import { breakOff } from "../net/break-off.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import { guarded } from "./callback-faults.ts";
import type { ConnectionDenial } from "./chain-authorization.ts";
import { type CheckedConnection, ConnectionCheck } from "./connection-check.ts";
import type { ServerConnection } from "./connection-server.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import type { TcpOutcome } from "./tcp-outcome.ts";
import { TcpPump, type TcpPumpOwner } from "./tcp-pump.ts";
import type { TcpServer } from "./tcp-server.ts";
import type { TcpUpstream, TcpUpstreamHandler } from "./tcp-upstream.ts";

export interface TcpConnectionOptions {
  readonly server: TcpServer;
  readonly socket: Socket;
  /** What was read from the client before, and stays valid. */
  readonly firstBytes: Buffer | undefined;
  /** May be connected already. */
  readonly upstream: TcpUpstream;
}

/** Nothing is read from the client until the upstream is connected: the kernel keeps its first bytes. */
export class TcpConnection
  implements ServerConnection, TcpUpstreamHandler, TcpPumpOwner, CheckedConnection
{
  readonly #server: TcpServer;
  readonly #downstream: Socket;
  /** Until they are on their way. */
  #firstBytes: Buffer | undefined;
  readonly #upstream: TcpUpstream;
  readonly #outcome: TcpOutcome;
  readonly #idleTimer: TimerEntry;
  readonly #idleTimeoutMs: number;
  #upstreamSocket: Socket | undefined;
  #toUpstream: TcpPump | undefined;
  #toDownstream: TcpPump | undefined;
  #lastActivityMs: number;
  /** While an authorization service is waited for. */
  #check: ConnectionCheck | undefined;
  #isClosed = false;

  constructor({ server, socket, firstBytes, upstream }: TcpConnectionOptions) {
    this.#server = server;
    this.#downstream = socket;
    this.#firstBytes = firstBytes;
    this.#upstream = upstream;
    this.#outcome = upstream.outcome;
    this.#idleTimeoutMs = server.config.idleTimeoutMs;
    this.#lastActivityMs = server.nowMs();
    this.#idleTimer = new TimerEntry(guarded(this, () => this.#onIdleTimer()));
    server.connections.add(this);
    socket.on("error", () => {});
    socket.on(
      "close",
      guarded(this, () => this.#onSocketClosed(this.#upstreamSocket)),
    );
    const denial = server.authorization.judge(this.connection);
    if (denial !== undefined) this.revoke(denial);
    else if (server.checks.length === 0) upstream.deliverTo(this);
    else {
      const { checks, authorization, checkServices } = server;
      this.#check = new ConnectionCheck(checks, authorization, checkServices, this);
      this.#check.begin();
    }
  }

  onChecked(): void {
    this.#check = undefined;
    if (!this.#isClosed) this.#upstream.deliverTo(this);
  }

  onCheckDenied(denial: ConnectionDenial): void {
    this.#check = undefined;
    this.revoke(denial);
  }

  get connection(): ConnectionIdentity {
    return this.#outcome.connection;
  }

  /** It is not allowed, or not any more. */
  revoke({ details, reason }: ConnectionDenial): void {
    this.#outcome.flag = FLAG.UAEX;
    this.#outcome.terminationDetails = details;
    this.#outcome.failureReason = reason;
    this.destroy();
  }

  onUpstreamConnected(socket: Socket, firstBytes: Buffer | undefined): void {
    this.#upstreamSocket = socket;
    socket.on("error", () => {});
    socket.on(
      "close",
      guarded(this, () => this.#onSocketClosed(this.#downstream)),
    );
    const downstream = this.#downstream;
    const { sent, received } = this.#server.recorder.open(this.#outcome);
    this.#toUpstream = new TcpPump({
      from: downstream,
      to: socket,
      firstBytes: this.#firstBytes,
      counter: received,
      owner: this,
    });
    this.#firstBytes = undefined;
    this.#toDownstream = new TcpPump({
      from: socket,
      to: downstream,
      firstBytes,
      counter: sent,
      owner: this,
    });
    this.onActivity();
    if (this.#idleTimeoutMs > 0) this.#server.timers.idle.arm(this.#idleTimer, this.#idleTimeoutMs);
  }

  /** The client must not take it for an orderly answer of nothing. */
  onUpstreamFailed(): void {
    breakOff(this.#downstream);
    this.#finish();
  }

  onActivity(): void {
    this.#lastActivityMs = this.#server.nowMs();
  }

  onPumpDone(): void {
    if (!this.#isOver) return;
    this.#downstream.destroy();
    this.#upstreamSocket?.destroy();
  }

  /** Nobody can tell where a TCP connection may be cut: it ends when its ends want. */
  drain(): void {}

  destroy(): void {
    this.#downstream.destroy();
    this.#upstreamSocket?.destroy();
    if (this.#upstreamSocket === undefined) this.#finish();
  }

  onFault(error: unknown): void {
    this.#server.faults.report("TCP connection", error);
    breakOff(this.#downstream);
    if (this.#upstreamSocket !== undefined) breakOff(this.#upstreamSocket);
    this.#finish();
  }

  get #isOver(): boolean {
    return this.#toUpstream?.isDone === true && this.#toDownstream?.isDone === true;
  }

  /** One side is gone. Unless both directions had ended, the other must see that something was cut. */
  #onSocketClosed(other: Socket | undefined): void {
    if (other !== undefined && !other.destroyed) {
      if (this.#isOver) other.destroy();
      else this.#cut(other);
    }
    this.#finish();
  }

  /** What came before the cut still goes out, as far as it is taken at once. */
  #cut(other: Socket): void {
    const pump = other === this.#downstream ? this.#toDownstream : this.#toUpstream;
    pump?.flush();
    breakOff(other);
  }

  /** A busy connection does not touch its timer: how long it was idle is looked up when it fires. */
  #onIdleTimer(): void {
    const idleMs = this.#server.nowMs() - this.#lastActivityMs;
    if (idleMs < this.#idleTimeoutMs) {
      this.#server.timers.idle.arm(this.#idleTimer, this.#idleTimeoutMs - idleMs);
      return;
    }
    this.#outcome.failureReason = "idle timeout";
    this.destroy();
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#check?.cancel();
    this.#server.timers.idle.disarm(this.#idleTimer);
    this.#upstream.abort();
    this.#outcome.bytesReceived = this.#toUpstream?.byteCount ?? 0;
    this.#outcome.bytesSent = this.#toDownstream?.byteCount ?? 0;
    this.#server.recorder.close(this.#outcome, this.#server.config);
    this.#server.onConnectionClosed(this);
  }
}
