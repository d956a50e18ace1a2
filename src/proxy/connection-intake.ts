/**
 * One accepted connection until its filter chain is known: reads its first bytes, within the time that the
 * listener gives, and leaves the socket and these bytes to the chain. A client that is silent may wait for
 * its server to speak first (databases, mail): then the upstream that the connection would have as opaque
 * TCP is dialled while the client may still turn out to speak HTTP, and whoever speaks first decides.
 */
import type { Socket } from "node:net";
import { SERVER_FIRST_DETECTION_MS } from "../core/limits.ts";
import { TimerEntry } from "../core/timer-wheel.ts";
import type { ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import { FirstRead } from "../net/first-read.ts";
import type { CallbackFaults, FaultOwner } from "./callback-faults.ts";
import { guarded } from "./callback-faults.ts";
import type { Inspection } from "./config/listener-filters.ts";
import { FirstBytesJudge, OPAQUE, type SpokenProtocol } from "./first-bytes-verdict.ts";
import type { ProxyTimers } from "./http-server.ts";
import type { TcpUpstream } from "./tcp-upstream.ts";

export interface IntakeResult {
  readonly socket: Socket;
  readonly spoken: SpokenProtocol;
  /** What its PROXY header said, if it had one. */
  readonly proxied: ProxiedEndpoints | undefined;
  /** Read and not yet used. Undefined when there are none. */
  readonly firstBytes: Buffer | undefined;
  /** An upstream that was dialled for this connection as opaque TCP. */
  readonly upstream: TcpUpstream | undefined;
}

export interface IntakeHost {
  readonly inspection: Inspection;
  readonly timers: ProxyTimers;
  readonly faults: CallbackFaults;
  /** An upstream for a connection that is opaque, or undefined when such connections go elsewhere. */
  createOpaqueUpstream(
    socket: Socket,
    proxied: ProxiedEndpoints | undefined,
  ): TcpUpstream | undefined;
  onDecided(intake: ConnectionIntake, result: IntakeResult): void;
  /** The connection has ended before it had a chain. `code` is "" when there is nothing to tell. */
  onRefused(intake: ConnectionIntake, socket: Socket, code: string, reason: string): void;
}

export class ConnectionIntake implements FaultOwner {
  readonly #socket: Socket;
  readonly #host: IntakeHost;
  readonly #judge: FirstBytesJudge;
  readonly #read: FirstRead;
  readonly #timeout: TimerEntry;
  readonly #silence: TimerEntry;
  #proxied: ProxiedEndpoints | undefined;
  #upstream: TcpUpstream | undefined;
  #hasWords = false;
  #isOver = false;

  constructor(socket: Socket, host: IntakeHost) {
    const { inspection, timers } = host;
    this.#socket = socket;
    this.#host = host;
    this.#judge = new FirstBytesJudge(inspection);
    this.#timeout = new TimerEntry(guarded(this, () => this.#onTimeout()));
    this.#silence = new TimerEntry(guarded(this, () => this.#onSilence()));
    socket.on("error", ignore);
    socket.on("close", this.#onClose);
    if (inspection.timeoutMs > 0) timers.request.arm(this.#timeout, inspection.timeoutMs);
    timers.request.arm(this.#silence, SERVER_FIRST_DETECTION_MS);
    this.#read = new FirstRead(socket, guarded(this, this.#onBytes));
  }

  destroy(): void {
    this.#refuse("", "");
  }

  onFault(error: unknown): void {
    this.#host.faults.report("listener", error);
    this.destroy();
  }

  readonly #onBytes = (bytes: Buffer, hasEnded: boolean): void => {
    if (this.#isOver) return;
    const verdict = this.#judge.judge(bytes, hasEnded);
    switch (verdict.kind) {
      case "need-more":
        this.#hasWords = bytes.length > 0 && !this.#judge.awaitsProxyHeader;
        break;
      case "proxied":
        this.#proxied = verdict.endpoints;
        this.#onBytesBehindHeader(this.#read.skip(verdict.length), hasEnded);
        break;
      case "decided":
        this.#decide(verdict.spoken);
        break;
      case "refused":
        // A probe that connects and leaves is nothing to tell of.
        if (bytes.length === 0 && hasEnded) this.#refuse("", "");
        else this.#refuse(verdict.code, verdict.reason);
        break;
    }
  };

  #onBytesBehindHeader(bytes: Buffer, hasEnded: boolean): void {
    // The client's silence counts from here.
    this.#host.timers.request.arm(this.#silence, SERVER_FIRST_DETECTION_MS);
    const { readsTls, readsHttp } = this.#host.inspection;
    const isRead = readsTls || readsHttp;
    if (bytes.length > 0 || hasEnded || !isRead) this.#onBytes(bytes, hasEnded);
  }

  #onSilence(): void {
    if (this.#hasWords || this.#judge.awaitsProxyHeader) return;
    const upstream = this.#host.createOpaqueUpstream(this.#socket, this.#proxied);
    this.#upstream = upstream;
    upstream?.begin(() => this.#decide(OPAQUE));
  }

  #onTimeout(): void {
    const isReadable = !this.#judge.awaitsProxyHeader;
    if (this.#host.inspection.continuesOnTimeout && isReadable) this.#decide(OPAQUE);
    else this.#refuse("listener-filters-timeout", "its first bytes did not come in time");
  }

  #decide(spoken: SpokenProtocol): void {
    if (this.#isOver) return;
    this.#leave();
    const firstBytes = this.#read.stop();
    const upstream = this.#upstream;
    const socket = this.#socket;
    this.#host.onDecided(this, {
      socket,
      spoken,
      proxied: this.#proxied,
      firstBytes,
      upstream,
    });
  }

  #refuse(code: string, reason: string): void {
    if (this.#isOver) return;
    this.#leave();
    this.#upstream?.abort();
    this.#host.onRefused(this, this.#socket, code, reason);
    this.#socket.destroy();
  }

  readonly #onClose = (): void => {
    this.#refuse("", "");
  };

  #leave(): void {
    this.#isOver = true;
    const { request } = this.#host.timers;
    request.disarm(this.#timeout);
    request.disarm(this.#silence);
    this.#socket.off("close", this.#onClose);
  }
}

/** The close event that follows every error tells all that matters here. */
function ignore(): void {}
