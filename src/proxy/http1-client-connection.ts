/** One upstream HTTP/1.1 connection: writes a request, feeds the answer to the exchange that waits for it. */
import type { Socket } from "node:net";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_CHUNKED, BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { parseErrorInfo } from "../http1/errors.ts";
import { type ResponseHandler, ResponseParser } from "../http1/response-parser.ts";
import { serializeRequestHead } from "../http1/serializer.ts";
import { breakOff } from "../net/break-off.ts";
import { socketFailure } from "../net/node-error.ts";
import { SocketReader } from "../net/socket-reader.ts";
import { SocketWriter } from "../net/socket-writer.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import { Http1BodyWriter } from "./http1-body-writer.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import {
  PoolNotes,
  type UpstreamConnection,
  type UpstreamConnectionOwner,
} from "./upstream-connection.ts";
import { WebsocketHandshake } from "./websocket-handshake.ts";

/** The peer of a tunnel that is over has this long to take our last bytes: at most one write buffer. */
const TUNNEL_END_TIMEOUT_MS = 30_000;

export class Http1ClientConnection
  implements UpstreamConnection, ClientStream, ResponseHandler, FaultOwner
{
  readonly #socket: Socket;
  readonly #owner: UpstreamConnectionOwner;
  readonly #faults: CallbackFaults;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  readonly #body: Http1BodyWriter;
  readonly #parser: ResponseParser;
  #handler: ClientStreamHandler | undefined;
  #isRequestSent = true;
  #isPaused = false;
  /** The answer has opened a tunnel. */
  #isTunnel = false;
  /** Of a tunnel: the peer sends no more. */
  #hasResponseEnded = false;
  readonly #handshake = new WebsocketHandshake();
  /** Bytes written before the current request. */
  #requestStart = 0;
  #error: unknown;
  /** Cannot carry anything any more. The socket itself may take until the next turn to close. */
  isClosed = false;
  isDraining = false;
  /** What the peer told in its last answer, or 0. */
  peerIdleLimitMs = 0;
  readonly isMultiplexed = false;
  readonly isBlocked = false;
  readonly pooled = new PoolNotes();

  constructor(socket: Socket, owner: UpstreamConnectionOwner, faults: CallbackFaults) {
    this.#socket = socket;
    this.#owner = owner;
    this.#faults = faults;
    this.#reader = new SocketReader(socket, this);
    this.#writer = new SocketWriter(
      socket,
      guarded(this, () => this.#onDrain()),
    );
    this.#writer.goesFirst = true;
    this.#body = new Http1BodyWriter(this.#writer);
    this.#parser = new ResponseParser(this);
    socket.on(
      "end",
      guarded(this, () => this.#onPeerEnd()),
    );
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on(
      "close",
      guarded(this, () => this.#onClose()),
    );
  }

  get room(): number {
    return this.#handler === undefined && !this.isClosed && !this.isDraining ? 1 : 0;
  }

  get activeStreams(): number {
    return this.#handler === undefined ? 0 : 1;
  }

  open(handler: ClientStreamHandler): ClientStream {
    this.#handler = handler;
    return this;
  }

  drain(): void {
    this.isDraining = true;
    if (this.#handler === undefined) this.destroy();
  }

  /** For the socket's reader. */
  onRead(bytes: Buffer, length: number): boolean {
    try {
      this.#read(bytes, length);
    } catch (error) {
      this.onFault(error);
    }
    return true;
  }

  #read(bytes: Buffer, length: number): void {
    if (this.isClosed) return;
    const used = this.#parser.execute(bytes, 0, length);
    if (used < 0) {
      const info = parseErrorInfo(used);
      this.#fail({ kind: "protocol-error", reason: `${info.message} (${info.code})` });
    }
  }

  sendHead(head: RequestHead, target: string, authority: string): void {
    const isTunnelWanted = head.bodyKind === BODY_TUNNEL;
    this.#parser.expect(head.method, isTunnelWanted ? head.upgrade : "");
    this.#body.beginBody(head.bodyKind === BODY_CHUNKED);
    this.#isRequestSent = false;
    this.#requestStart = this.#writer.bytesWritten;
    if (isTunnelWanted) this.#handshake.begin(head);
    this.#writer.text(serializeRequestHead(head, target, authority));
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#body.write(bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestSent = true;
    if (this.#isTunnel) {
      // Our FIN ends one direction only.
      this.#writer.end(() => {});
      if (this.#hasResponseEnded) this.#leaveTunnel();
    } else {
      this.#body.end(trailers);
    }
  }

  reset(): void {
    // The other side of a tunnel must not take its end for an orderly one.
    if (this.#isTunnel) breakOff(this.#socket);
    this.destroy();
  }

  pauseResponse(): void {
    this.#isPaused = true;
    this.#reader.pause();
  }

  resumeResponse(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#reader.resume();
  }

  /** Nothing is told to the exchange. */
  destroy(): void {
    this.#handler = undefined;
    this.isClosed = true;
    this.#socket.destroy();
  }

  onInterimResponse(head: ResponseHead): void {
    this.#handler?.onInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    this.peerIdleLimitMs = head.keepAliveTimeoutMs;
    if (head.bodyKind === BODY_TUNNEL) {
      if (!this.#handshake.accepts(head)) {
        this.#fail({ kind: "protocol-error", reason: "Sec-WebSocket-Accept does not fit the key" });
        return;
      }
      this.#isTunnel = true;
      // Each direction ends on its own: the peer's FIN must not bring ours.
      this.#socket.allowHalfOpen = true;
    }
    this.#handler?.onResponseHead(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#handler?.onResponseBody(bytes, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    const handler = this.#handler;
    if (this.#isTunnel) {
      this.#hasResponseEnded = true;
      if (this.#isRequestSent) this.#leaveTunnel();
      handler?.onResponseEnd(undefined);
      return;
    }
    this.#handler = undefined;
    // The next exchange must not find a connection that nobody reads.
    this.resumeResponse();
    if (!this.isClosed) {
      // An answer before the end of its request: the rest of the request will never be sent (T11).
      const isReusable = this.#parser.head.keepAlive && this.#isRequestSent && !this.isDraining;
      if (isReusable) this.#owner.onConnectionRoom(this);
      else this.destroy();
    }
    handler?.onResponseEnd(trailers);
  }

  /** Ends this connection, and the exchange on it with an answer that says so. */
  onFault(error: unknown): void {
    this.#faults.report("upstream connection", error);
    try {
      this.#fail({ kind: "protocol-error", reason: "an error of this proxy" });
    } catch (second) {
      // The exchange itself is broken. Its timeouts or its client end it.
      this.#faults.report("upstream connection", second);
    }
  }

  #onDrain(): void {
    this.#handler?.onUpstreamDrain();
  }

  #onPeerEnd(): void {
    // RFC 9112 section 6.3: only an orderly end completes a body that lasts as long as its connection.
    if (this.isClosed || !this.#parser.finish()) {
      this.#fail(this.#closed("the upstream ended the connection"));
    }
  }

  /** Both directions have ended: the runtime closes the socket once our last bytes have left. */
  #leaveTunnel(): void {
    this.#handler = undefined;
    this.isClosed = true;
    this.#socket.setTimeout(TUNNEL_END_TIMEOUT_MS, () => this.#socket.destroy());
  }

  #closed(reason: string): UpstreamFailure {
    const writer = this.#writer;
    const isUnsent = writer.gatheredBytes === writer.bytesWritten - this.#requestStart;
    return { kind: "connection-closed", reason, isUnsent };
  }

  #fail(failure: UpstreamFailure): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.destroy();
    handler?.onUpstreamFailure(failure);
  }

  #onClose(): void {
    this.isClosed = true;
    this.#owner.onConnectionClosed(this);
    if (this.#handler === undefined) return;
    const reason =
      this.#error === undefined ? "connection closed" : socketFailure(this.#error).reason;
    this.#fail(this.#closed(reason));
  }
}
