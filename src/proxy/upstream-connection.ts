/**
 * What a pool knows of the connections it lends: an HTTP/1.1 connection has room for one request at a
 * time, an HTTP/2 connection for many.
 */
import type { ClientStream, ClientStreamHandler } from "./stream.ts";

export interface UpstreamConnection {
  /** Cannot carry anything any more. The socket itself may take until the next turn to close. */
  readonly isClosed: boolean;
  /** Requests that it could begin now: 0 while it is full, or when its peer takes no more. */
  readonly room: number;
  /** Requests under way. */
  readonly activeStreams: number;
  /** The idle limit that the peer told, in milliseconds, or 0. */
  readonly peerIdleLimitMs: number;
  /** When it became idle, by the proxy's coarse clock. Written by the pool. */
  idleSinceMs: number;
  /** Begins a request, where there is room. Whoever asked calls the handler's `onStreamReady`. */
  open(handler: ClientStreamHandler): ClientStream;
  /** Takes no further request and ends behind the last one under way. */
  drain(): void;
  /** Ends now. Nothing is told to the exchanges on it. */
  destroy(): void;
  /** An error of this proxy's own code on this connection: it ends, and so do the exchanges on it. */
  onFault(error: unknown): void;
}

/** Who a connection goes back to. */
export interface UpstreamConnectionOwner {
  /**
   * It may have room again: a request has ended, or the peer allows more. An HTTP/1.1 connection carries the next one in
   * a later turn of the event loop, never in this one (T10).
   */
  onConnectionRoom(connection: UpstreamConnection): void;
  onConnectionClosed(connection: UpstreamConnection): void;
}
