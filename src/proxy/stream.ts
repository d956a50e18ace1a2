/**
 * The seam between codecs and the exchange: one request and its response as a pair of streams. An
 * HTTP/1.1 connection carries one such stream at a time, an HTTP/2 connection many; the exchange
 * cannot tell. All calls are synchronous. Heads and byte ranges are valid only during a call. What is
 * sent leaves when the turn of the event loop is over.
 *
 *   client ── ServerStream ── Exchange ── ClientStream ── endpoint
 *             (downstream)                (upstream)
 */
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";

/** What an exchange writes its response to. */
export interface ServerStream {
  readonly connection: DownstreamConnection;
  /** Before the response: where streams share no connection with others, it ends behind this one. */
  closeAfterResponse(): void;
  sendInterim(head: ResponseHead): void;
  /** Sends a response head as it came from upstream, with the edits made to its header block. */
  sendHead(head: ResponseHead): void;
  /** Sends a whole response of this proxy's own. */
  sendLocal(status: number, headers: HeaderBlock, body: string): void;
  /** Returns false when the peer is slow: the source is paused until `onDownstreamDrain`. */
  sendBody(bytes: Buffer, start: number, end: number): boolean;
  sendEnd(trailers: HeaderBlock | undefined): void;
  /** Ends the stream in a way that the peer takes for a failure, never for a complete response. */
  reset(): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Bytes of the current request and response on the wire, heads and framing included. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What an exchange writes its request to. */
export interface ClientStream {
  sendHead(head: RequestHead, target: string, authority: string): void;
  sendBody(bytes: Buffer, start: number, end: number): boolean;
  sendEnd(trailers: HeaderBlock | undefined): void;
  /** Gives the request up. Nothing of it is delivered any more. */
  reset(): void;
  pauseResponse(): void;
  resumeResponse(): void;
}

/** Why an upstream stream ended without a response. */
export type UpstreamFailure =
  | { readonly kind: "connect-failed"; readonly reason: string }
  | { readonly kind: "connect-timeout" }
  /** The route's limit for a single try. */
  | { readonly kind: "try-timeout" }
  /** The route's limit for the silence of a single try. */
  | { readonly kind: "try-idle-timeout" }
  /** The cluster's limit for a stream. */
  | { readonly kind: "stream-duration" }
  /** `isUnsent`: it is certain that no byte of the request has left. */
  | { readonly kind: "connection-closed"; readonly reason: string; readonly isUnsent?: boolean }
  | { readonly kind: "protocol-error"; readonly reason: string }
  /** HTTP/2: the peer says that it has not acted on the request (REFUSED_STREAM, GOAWAY). RFC 9113 section 8.7. */
  | { readonly kind: "stream-refused"; readonly reason: string }
  /** HTTP/2: the peer ended this stream alone, by RST_STREAM. `code` is a name of RFC 9113 section 7. */
  | { readonly kind: "stream-reset"; readonly code: string }
  | { readonly kind: "tls-failed"; readonly reason: string };

/** What happens to an exchange from its upstream side. */
export interface ClientStreamHandler {
  /** Its request is one of priority HIGH. */
  readonly isUrgent?: boolean;
  onStreamReady(stream: ClientStream): void;
  onInterim(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  onResponseBody(bytes: Buffer, start: number, end: number): void;
  onResponseEnd(trailers: HeaderBlock | undefined): void;
  onUpstreamFailure(failure: UpstreamFailure): void;
  onUpstreamDrain(): void;
}
