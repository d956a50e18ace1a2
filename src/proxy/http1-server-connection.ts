/**
 * One downstream HTTP/1.1 connection: feeds the codec, carries one exchange at a time, and writes its
 * response. Pipelined requests wait, unread, until the response before them is complete.
 */
import type { Socket } from "node:net";
import { TimerEntry } from "../core/timer-wheel.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_LENGTH, BODY_NONE, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { reasonOf } from "../http/status.ts";
import { parseErrorInfo } from "../http1/errors.ts";
import { type RequestHandler, RequestParser } from "../http1/request-parser.ts";
import {
  chunkStart,
  isSentInChunks,
  lastChunk,
  serializeInterim,
  serializeResponseHead,
} from "../http1/serializer.ts";
import { SocketWriter } from "../net/socket-writer.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import { Exchange } from "./exchange.ts";
import type { HttpServer } from "./http-server.ts";
import { LOCAL_REPLY } from "./local-reply.ts";
import type { ServerStream } from "./stream.ts";

/** After our FIN the client has this long to read the response and close. */
const LINGER_TIMEOUT_MS = 2_000;
/** A request body of up to this size is read to its end after an early response, to keep the connection. */
const DISCARDED_BODY_BYTES_MAX = 64 * 1024;

export class Http1ServerConnection implements ServerStream, RequestHandler {
  readonly connection: DownstreamConnection;
  readonly #socket: Socket;
  readonly #server: HttpServer;
  readonly #writer: SocketWriter;
  readonly #parser: RequestParser;
  readonly #exchange: Exchange;
  readonly #idleTimer: TimerEntry;
  /** Bytes behind the current request: the next one. */
  #leftover: Buffer | undefined;
  #isRequestComplete = true;
  #isResponseComplete = true;
  #sendsChunks = false;
  #keepAlive = true;
  #isClientHttp10 = false;
  /** The client has ended its side: answer what is in flight, then close. */
  #hasPeerEnded = false;
  /** No further request is read; what arrives is dropped. */
  #isClosing = false;
  /** Set while bytes are being parsed, to keep a completed exchange from parsing recursively. */
  #isConsuming = false;
  #isReadingPaused = false;
  /** Part of a request head has come. */
  #isHeadPending = false;
  /** The rest of the request is short enough to be read and dropped after an early response. */
  #isBodyDiscardable = false;
  #requestCount = 0;
  #requestCountWhenArmed = 0;
  requestBytes = 0;
  #responseStart = 0;

  constructor(socket: Socket, connection: DownstreamConnection, server: HttpServer) {
    this.connection = connection;
    this.#socket = socket;
    this.#server = server;
    this.#writer = new SocketWriter(socket);
    this.#parser = new RequestParser(this);
    this.#exchange = new Exchange(this, server);
    this.#idleTimer = new TimerEntry(() => this.#onIdle());
    socket.on("drain", () => this.#onDrain());
    socket.on("end", () => this.#onPeerEnd());
    socket.on("close", () => this.#onClose());
    // The close event that follows every error tells all that matters here.
    socket.on("error", () => {});
    server.connections.add(this);
    this.#armIdle();
  }

  get responseBytes(): number {
    return this.#writer.bytesWritten - this.#responseStart;
  }

  get isIdle(): boolean {
    return this.#isResponseComplete && this.#isRequestComplete && !this.#parser.isMidMessage;
  }

  /** For the socket's reader. Returns false to stop reading. */
  onRead(bytes: Buffer, length: number): boolean {
    if (this.#isClosing) return true;
    if (this.#leftover !== undefined || (this.#isRequestComplete && !this.#isResponseComplete)) {
      this.#keepLeftover(bytes, 0, length);
      return false;
    }
    this.#consume(bytes, 0, length);
    return !this.#isReadingPaused;
  }

  #consume(bytes: Buffer, start: number, end: number): void {
    let at = start;
    this.#isConsuming = true;
    while (at < end && !this.#isClosing) {
      if (this.#isRequestComplete) {
        this.#isRequestComplete = false;
        this.requestBytes = 0;
      }
      const before = at;
      at = this.#parser.execute(bytes, at, end);
      if (at < 0) {
        this.#refuse(at);
        break;
      }
      this.requestBytes += at - before;
      if (this.#isRequestComplete && !this.#isResponseComplete) {
        if (at < end) this.#keepLeftover(bytes, at, end);
        break;
      }
    }
    this.#isConsuming = false;
    if (!this.#isRequestComplete && this.#isResponseComplete && !this.#isHeadPending) {
      this.#isHeadPending = true;
      this.#server.timers.idle.arm(this.#idleTimer, this.#server.requestHeadTimeoutMs);
    }
    this.#exchange.flushUpstream();
    this.#writer.flush();
  }

  onRequestHead(head: RequestHead): void {
    if (this.#isHeadPending) {
      this.#isHeadPending = false;
      this.#armIdle();
    }
    this.#requestCount += 1;
    this.#isRequestComplete = head.bodyKind === BODY_NONE;
    this.#isBodyDiscardable =
      head.bodyKind === BODY_LENGTH &&
      head.contentLength <= DISCARDED_BODY_BYTES_MAX &&
      !head.expectsContinue;
    this.#keepAlive = head.keepAlive && !this.#server.isDraining;
    this.#isClientHttp10 = head.minorVersion === 0;
    this.#isResponseComplete = false;
    this.#responseStart = this.#writer.bytesWritten;
    this.#exchange.begin(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#exchange.onRequestBody(bytes, start, end);
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestComplete = true;
    if (!this.#isResponseComplete) this.#exchange.onRequestEnd(trailers);
    else if (this.#keepAlive) this.#onExchangeComplete();
  }

  sendInterim(head: ResponseHead): void {
    // RFC 9110 section 15.2: no 1xx to an HTTP/1.0 client.
    if (!this.#isClientHttp10) this.#writer.text(serializeInterim(head));
  }

  sendHead(head: ResponseHead): void {
    this.#sendsChunks = isSentInChunks(head) && !this.#isClientHttp10;
    if (isSentInChunks(head) && this.#isClientHttp10) this.#keepAlive = false;
    this.#decideKeepAlive();
    this.#writer.text(serializeResponseHead(head, !this.#isClientHttp10, this.#connectionLine()));
  }

  sendLocal(status: number, lines: string, body: string): void {
    this.#sendsChunks = false;
    this.#decideKeepAlive();
    // RFC 9110 section 8.6: no Content-Length in a 204; a 304 would have to tell the length of another answer.
    const hasLength = status !== 204 && status !== 304;
    const length = hasLength ? `content-length: ${Buffer.byteLength(body)}\r\n` : "";
    const isHead = this.#parser.head.method === "HEAD";
    const text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines}${length}${this.#connectionLine()}\r\n`;
    this.#writer.text(text + (isHead || !hasLength ? "" : Buffer.from(body).toString("latin1")));
    this.#finishResponse();
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    if (this.#sendsChunks) {
      this.#writer.bytes(chunkStart(end - start), bytes, start, end, "\r\n");
    } else {
      this.#writer.bytes("", bytes, start, end, "");
    }
    return !this.#writer.isBlocked;
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#sendsChunks) this.#writer.text(lastChunk(trailers));
    this.#finishResponse();
  }

  /** RFC 9112 section 8: a client takes a connection that ends within a body for a failed response. */
  reset(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  pauseRequest(): void {
    this.#isReadingPaused = true;
    this.#socket.pause();
  }

  resumeRequest(): void {
    if (!this.#isReadingPaused) return;
    this.#isReadingPaused = false;
    if (this.#leftover === undefined) this.#socket.resume();
  }

  flush(): void {
    this.#writer.flush();
  }

  /** Lets the current exchange finish, tells the client to go elsewhere, then closes. */
  drain(): void {
    this.#keepAlive = false;
    if (this.isIdle) this.#close();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #decideKeepAlive(): void {
    // A response before the end of its request leaves bytes of unknown meaning behind it (T11).
    const leavesBytes = !this.#isRequestComplete && !this.#isBodyDiscardable;
    if (leavesBytes || this.#hasPeerEnded || this.#server.isDraining) this.#keepAlive = false;
  }

  #connectionLine(): string {
    if (!this.#keepAlive) return "Connection: close\r\n";
    return this.#isClientHttp10 ? "Connection: keep-alive\r\n" : "";
  }

  #finishResponse(): void {
    this.#isResponseComplete = true;
    if (!this.#keepAlive) this.#close();
    else if (this.#isRequestComplete) this.#onExchangeComplete();
  }

  #onExchangeComplete(): void {
    this.resumeRequest();
    if (this.#leftover !== undefined && !this.#isConsuming) {
      // In a turn of its own, so that a long pipeline neither recurses nor starves other connections.
      setImmediate(() => this.#consumeLeftover());
    }
  }

  #consumeLeftover(): void {
    const leftover = this.#leftover;
    if (leftover === undefined || this.#isClosing) return;
    this.#leftover = undefined;
    this.#consume(leftover, 0, leftover.length);
    if (this.#leftover === undefined && !this.#isReadingPaused) this.#socket.resume();
    if (this.#hasPeerEnded && this.isIdle && this.#leftover === undefined) this.#close();
  }

  /** Reading stops with the bytes kept, so this holds at most two reads. */
  #keepLeftover(bytes: Buffer, start: number, end: number): void {
    const more = bytes.subarray(start, end);
    this.#leftover =
      this.#leftover === undefined ? Buffer.from(more) : Buffer.concat([this.#leftover, more]);
    this.#socket.pause();
  }

  /** Bytes that are not HTTP/1.1: answered once, then the connection ends. */
  #refuse(error: number): void {
    const info = parseErrorInfo(error);
    this.#keepAlive = false;
    this.#isRequestComplete = true;
    if (!this.#isResponseComplete) {
      // The body of a request under way turned out to be malformed.
      this.#exchange.abortRequest(info.status, `${info.message} (${info.code})`);
      return;
    }
    this.#isResponseComplete = false;
    this.#responseStart = this.#writer.bytesWritten;
    this.#exchange.refuse(
      LOCAL_REPLY.downstreamProtocolError,
      info.status,
      `${info.message} (${info.code})`,
    );
  }

  #onPeerEnd(): void {
    this.#hasPeerEnded = true;
    if (!this.#isRequestComplete || this.#parser.isMidMessage) {
      // RFC 9112 section 8: an incomplete request is discarded.
      this.#exchange.onDownstreamClosed();
      this.#socket.destroy();
    } else if (this.isIdle && this.#leftover === undefined) {
      this.#close();
    }
  }

  #onDrain(): void {
    this.#writer.isBlocked = false;
    this.#exchange.onDownstreamDrain();
  }

  #onClose(): void {
    this.#isClosing = true;
    this.#leftover = undefined;
    this.#server.timers.idle.disarm(this.#idleTimer);
    this.#server.connections.delete(this);
    this.#exchange.onDownstreamClosed();
    this.#server.onConnectionClosed(this);
  }

  #armIdle(): void {
    this.#requestCountWhenArmed = this.#requestCount;
    this.#server.timers.idle.arm(this.#idleTimer, this.#server.idleTimeoutMs);
  }

  #onIdle(): void {
    if (this.#isClosing) {
      this.#socket.destroy();
    } else if (!this.#isHeadPending) {
      // Armed once, checked when it fires: a busy connection does not touch its timer.
      if (this.isIdle && this.#requestCount === this.#requestCountWhenArmed) this.#close();
      else this.#armIdle();
    } else {
      this.#keepAlive = false;
      this.#isRequestComplete = true;
      this.#isResponseComplete = false;
      this.#exchange.refuse(LOCAL_REPLY.requestHeadTimeout, 408, "");
      this.#writer.flush();
    }
  }

  /** Sends our FIN behind the response and drops what still arrives, so that no reset eats it. */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#leftover = undefined;
    this.#writer.flush();
    if (this.#hasPeerEnded) {
      this.#socket.end(() => this.#socket.destroy());
      return;
    }
    this.#socket.end();
    this.#socket.resume();
    this.#server.timers.idle.arm(this.#idleTimer, LINGER_TIMEOUT_MS);
    this.#socket.once("end", () => this.#socket.destroy());
  }
}
