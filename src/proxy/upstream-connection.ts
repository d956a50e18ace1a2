/**
 * What a pool knows of the connections it lends: an HTTP/1.1 connection has room for one request at a
 * time, an HTTP/2 connection for many.
 */
import type { ClientStream, ClientStreamHandler } from "./stream.ts";

const NEVER_MS = -1;

/**
 * What the pool keeps about a connection, on the connection itself: nothing is looked up per request. Milliseconds are
 * whole ones, which stand in the object itself; others are objects of their own.
 */
export class PoolNotes {
  /** By the monotonic clock, as all times here. */
  #idleSinceMs = 0;
  #expiresAtMs = NEVER_MS;
  /** Requests that it was given since it was made. */
  requestCount = 0;

  becomeIdle(nowMs: number): void {
    this.#idleSinceMs = Math.floor(nowMs);
  }

  hasIdledFor(ms: number, nowMs: number): boolean {
    return nowMs - this.#idleSinceMs > ms;
  }

  /** From then on it makes way for another one. Infinity: never. */
  expireAt(ms: number): void {
    this.#expiresAtMs = Number.isFinite(ms) ? Math.ceil(ms) : NEVER_MS;
  }

  isExpired(nowMs: number): boolean {
    return this.#expiresAtMs !== NEVER_MS && nowMs > this.#expiresAtMs;
  }
}

export interface UpstreamConnection {
  /** May carry several requests at a time. */
  readonly isMultiplexed: boolean;
  /** Cannot carry anything any more. The socket itself may take until the next turn to close. */
  readonly isClosed: boolean;
  /** Takes no further request, ever: it was drained, its peer said so (GOAWAY), or its stream ids are used up. */
  readonly isDraining: boolean;
  /** More waits to be sent than its peer takes: a request is better off on another one. */
  readonly isBlocked: boolean;
  /** Requests that it could begin now: 0 while it is full, and when it is draining or closed. */
  readonly room: number;
  /** Requests under way. */
  readonly activeStreams: number;
  /** The idle limit that the peer told, in milliseconds, or 0. */
  readonly peerIdleLimitMs: number;
  /** Belongs to the pool. */
  readonly pooled: PoolNotes;
  /** Begins a request, where there is room. Whoever asked calls the handler's `onStreamReady`. */
  open(handler: ClientStreamHandler): ClientStream;
  /** Takes no further request and ends behind the last one under way: at once when there is none. */
  drain(): void;
  /** Ends now. Nothing is told to the exchanges on it. */
  destroy(): void;
}

/** Who a connection goes back to. */
export interface UpstreamConnectionOwner {
  /**
   * It may have room again: a request has ended, however it did, or the peer allows more. An HTTP/1.1
   * connection carries the next one in a later turn of the event loop, never in this one (T10). Not
   * called by a connection that is draining or closed.
   */
  onConnectionRoom(connection: UpstreamConnection): void;
  /** Its peer lets it take no further request (GOAWAY), or its stream ids are used up. Not called behind `drain`. */
  onConnectionDraining(connection: UpstreamConnection): void;
  /** Once, when its socket has closed. */
  onConnectionClosed(connection: UpstreamConnection): void;
}
