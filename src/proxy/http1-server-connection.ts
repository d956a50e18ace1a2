/**
 * One downstream HTTP/1.1 connection: feeds the codec, carries one exchange at a time, and writes its
 * response. Pipelined requests wait, unread, until the response before them is complete.
 */
import type { Socket } from "node:net";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_LENGTH, BODY_NONE, BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { parseErrorInfo } from "../http1/errors.ts";
import { type RequestHandler, RequestParser } from "../http1/request-parser.ts";
import { breakOff } from "../net/break-off.ts";
import { SocketReader } from "../net/socket-reader.ts";
import { SocketWriter } from "../net/socket-writer.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import { ConnectionDeadline, type ConnectionDeadlineHandler } from "./connection-deadline.ts";
import type { ServerConnection } from "./connection-server.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import { Exchange } from "./exchange.ts";
import type { HttpServer } from "./http-server.ts";
import { Http1ResponseWriter } from "./http1-response-writer.ts";
import { LOCAL_REPLY } from "./local-reply.ts";
import type { ServerStream } from "./stream.ts";

/** A request body of up to this size is read to its end after an early response, to keep the connection. */
const DISCARDED_BODY_BYTES_MAX = 64 * 1024;

export class Http1ServerConnection
  implements ServerStream, RequestHandler, ServerConnection, FaultOwner, ConnectionDeadlineHandler
{
  readonly connection: DownstreamConnection;
  readonly #socket: Socket;
  readonly #server: HttpServer;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  readonly #response: Http1ResponseWriter;
  readonly #parser: RequestParser;
  readonly #exchange: Exchange;
  readonly #deadline: ConnectionDeadline;
  /** Bytes behind the current request: the next one. */
  #leftover: Buffer | undefined;
  #isRequestComplete = true;
  #isResponseComplete = true;
  #keepAlive = true;
  /** The current request asked for a tunnel and was accepted: nothing else follows on this connection. */
  #isTunnel = false;
  /** Our direction of the tunnel has ended. */
  #isWriteEnded = false;
  /** The client has ended its side: answer what is in flight, then close. */
  #hasPeerEnded = false;
  /** Told to end when what it carries is done. */
  #isDraining = false;
  /** No further request is read; what arrives is dropped. */
  #isClosing = false;
  /** Set while bytes are being parsed, to keep a completed exchange from parsing recursively. */
  #isConsuming = false;
  #isReadingPaused = false;
  /** The head of the current request has come. */
  #isHeadRead = false;
  /** The rest of the request is short enough to be read and dropped after an early response. */
  #isBodyDiscardable = false;
  activity = 0;
  requestBytes = 0;

  /** `firstBytes`: what was read of the connection before, and stays valid. */
  constructor(
    socket: Socket,
    connection: DownstreamConnection,
    server: HttpServer,
    firstBytes?: Buffer,
  ) {
    this.connection = connection;
    this.#socket = socket;
    this.#server = server;
    this.#reader = new SocketReader(socket, this, firstBytes);
    this.#writer = new SocketWriter(
      socket,
      guarded(this, () => this.#exchange.onDownstreamDrain()),
    );
    this.#response = new Http1ResponseWriter(this.#writer);
    this.#parser = new RequestParser(this);
    this.#parser.head.scheme = connection.scheme;
    this.#exchange = new Exchange(this, server);
    this.#deadline = new ConnectionDeadline(server, this);
    socket.on(
      "end",
      guarded(this, () => this.#onPeerEnd()),
    );
    socket.on(
      "close",
      guarded(this, () => this.#onClose()),
    );
    // The close event that follows every error tells all that matters here.
    socket.on("error", () => {});
    server.connections.add(this);
    this.#deadline.armIdle();
  }

  get responseBytes(): number {
    return this.#response.bytes;
  }

  /** Between two requests, with nothing of the next one here. */
  get isIdle(): boolean {
    return (
      this.#isResponseComplete &&
      this.#isRequestComplete &&
      this.#leftover === undefined &&
      !this.#parser.isMidMessage
    );
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#writer.unsentBytes;
  }

  /** For the socket's reader. Returns false to stop reading. */
  onRead(bytes: Buffer, length: number): boolean {
    try {
      return this.#read(bytes, length);
    } catch (error) {
      this.onFault(error);
      return false;
    }
  }

  #read(bytes: Buffer, length: number): boolean {
    if (this.#isClosing) return true;
    if (this.#leftover !== undefined || (this.#isRequestComplete && !this.#isResponseComplete)) {
      this.#keepLeftover(bytes, 0, length);
      return false;
    }
    this.#consume(bytes, 0, length, false);
    return !this.#isReadingPaused && this.#leftover === undefined;
  }

  /** `isOwned`: the bytes stay valid behind this call. */
  #consume(bytes: Buffer, start: number, end: number, isOwned: boolean): void {
    let at = start;
    this.#isConsuming = true;
    while (at < end && !this.#isClosing) {
      if (this.#isRequestComplete) {
        this.#isRequestComplete = false;
        this.#isHeadRead = false;
        this.requestBytes = 0;
      }
      // Counted before the exchange looks at it, and corrected where the next request begins.
      this.requestBytes += end - at;
      at = this.#parser.execute(bytes, at, end);
      if (at < 0) {
        this.#refuse(at);
        break;
      }
      this.requestBytes -= end - at;
      if (this.#isRequestComplete && !this.#isResponseComplete) {
        if (at < end && isOwned) this.#leftover = bytes.subarray(at, end);
        else if (at < end) this.#keepLeftover(bytes, at, end);
        break;
      }
    }
    this.#isConsuming = false;
    if (!this.#isRequestComplete && this.#isResponseComplete && !this.#isClosing) this.#awaitRest();
  }

  /** Part of a request is here and nothing is owed to the client: the rest has a deadline. */
  #awaitRest(): void {
    if (this.#isHeadRead) this.#deadline.armRest();
    else if (this.#parser.isMidMessage) this.#deadline.armHead();
    else this.#isRequestComplete = true;
  }

  onRequestHead(head: RequestHead): void {
    this.#deadline.onRequest();
    this.#isHeadRead = true;
    this.activity += 1;
    this.#isRequestComplete = head.bodyKind === BODY_NONE;
    this.#isBodyDiscardable =
      head.bodyKind === BODY_LENGTH &&
      head.contentLength <= DISCARDED_BODY_BYTES_MAX &&
      !head.expectsContinue;
    this.#keepAlive = head.keepAlive;
    this.#isResponseComplete = false;
    this.#response.begin(head);
    this.#exchange.begin(head);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.#exchange.onRequestBody(bytes, start, end);
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.#isRequestComplete = true;
    if (!this.#isResponseComplete) this.#exchange.onRequestEnd(trailers);
    else if (!this.#isClosing) this.#onExchangeComplete();
  }

  closeAfterResponse(): void {
    this.#keepAlive = false;
  }

  sendInterim(head: ResponseHead): void {
    this.#response.interim(head);
  }

  sendHead(head: ResponseHead): void {
    if (head.bodyKind === BODY_TUNNEL) {
      this.#isTunnel = true;
      this.#response.tunnelHead(head);
      return;
    }
    if (this.#response.endsWithConnection(head)) this.#keepAlive = false;
    this.#decideKeepAlive();
    this.#response.head(head, this.#keepAlive);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    this.#decideKeepAlive();
    this.#response.local(status, headers, body, this.#keepAlive);
    this.#finishResponse();
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#response.write(bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isTunnel) {
      this.#endTunnelResponse();
      return;
    }
    this.#response.end(trailers);
    this.#finishResponse();
  }

  /** RFC 9112 section 8: a client takes a connection that ends within a body for a failed response. */
  reset(): void {
    this.#isClosing = true;
    // The client sees how far it came.
    this.#writer.flush();
    breakOff(this.#socket);
  }

  pauseRequest(): void {
    this.#isReadingPaused = true;
    this.#reader.pause();
  }

  resumeRequest(): void {
    if (!this.#isReadingPaused) return;
    this.#isReadingPaused = false;
    if (this.#leftover === undefined) this.#reader.resume();
  }

  drain(): void {
    this.#isDraining = true;
    if (this.isIdle) this.#deadline.onDrain();
  }

  judgeTunnels(): void {
    this.#exchange.judgeTunnel();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  close(): void {
    this.#close();
  }

  /** The head of a request did not come in time. */
  onHeadTimeout(): void {
    this.#beginRefusal();
    this.#exchange.refuse(LOCAL_REPLY.requestHeadTimeout, 408, "");
  }

  onFault(error: unknown): void {
    this.#server.faults.report("downstream connection", error);
    this.#isClosing = true;
    breakOff(this.#socket);
  }

  #decideKeepAlive(): void {
    // A response before the end of its request leaves bytes of unknown meaning behind it (T11).
    const leavesBytes = !this.#isRequestComplete && !this.#isBodyDiscardable;
    const isLast = this.#isDraining || this.#server.isDraining;
    if (leavesBytes || this.#hasPeerEnded || isLast) this.#keepAlive = false;
  }

  /** Our FIN ends one direction only. */
  #endTunnelResponse(): void {
    this.#isWriteEnded = true;
    this.#writer.end(() => {});
    if (this.#isRequestComplete) this.#finishTunnel();
  }

  /** Both directions have ended: the runtime closes the socket once our last bytes have left. */
  #finishTunnel(): void {
    this.#isResponseComplete = true;
    this.#isClosing = true;
    this.#deadline.armClosing();
  }

  #finishResponse(): void {
    this.#isResponseComplete = true;
    this.activity += 1;
    if (!this.#keepAlive) this.#close();
    else if (this.#isRequestComplete) this.#onExchangeComplete();
    else this.#discardRest();
  }

  /** The response came before the end of its request, whose rest is short. */
  #discardRest(): void {
    this.#deadline.armRest();
    this.resumeRequest();
  }

  #onExchangeComplete(): void {
    this.#deadline.onRequest();
    this.resumeRequest();
    if (this.#leftover === undefined) {
      // A drain may have begun behind the head of the response, which promised to go on.
      const isLast = this.#hasPeerEnded || this.#isDraining;
      if (isLast && !this.#isConsuming) this.#close();
    } else if (!this.#isConsuming) {
      // In a turn of its own, so that a long pipeline neither recurses nor starves other connections.
      setImmediate(this.#consumeLeftover);
    }
  }

  readonly #consumeLeftover = guarded(this, () => {
    const leftover = this.#leftover;
    if (leftover === undefined || this.#isClosing || !this.#isResponseComplete) return;
    this.#leftover = undefined;
    this.#consume(leftover, 0, leftover.length, true);
    if (this.#hasPeerEnded) this.#checkPeerEnd();
    else if (this.#leftover === undefined && !this.#isReadingPaused) this.#reader.resume();
  });

  /** Reading stops with the bytes kept, so this holds at most two reads. */
  #keepLeftover(bytes: Buffer, start: number, end: number): void {
    const more = bytes.subarray(start, end);
    this.#leftover =
      this.#leftover === undefined ? Buffer.from(more) : Buffer.concat([this.#leftover, more]);
    this.#reader.pause();
  }

  /** Bytes that are not HTTP/1.1: answered once, then the connection ends. */
  #refuse(error: number): void {
    const info = parseErrorInfo(error);
    const reason = `${info.message} (${info.code})`;
    this.#keepAlive = false;
    this.#isRequestComplete = true;
    if (!this.#isResponseComplete) {
      // The body of a request under way turned out to be malformed.
      this.#exchange.abortRequest(info.status, reason);
    } else if (this.#isHeadRead) {
      // So did the rest of one that is answered: there is nobody to tell.
      this.#close();
    } else {
      this.#beginRefusal();
      this.#exchange.refuse(LOCAL_REPLY.downstreamProtocolError, info.status, reason);
    }
  }

  #beginRefusal(): void {
    this.#keepAlive = false;
    this.#isRequestComplete = true;
    this.#isResponseComplete = false;
    this.#response.begin(undefined);
  }

  #onPeerEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#isClosing) this.#deadline.onPeerEndWhileClosing();
    else if (this.#leftover === undefined) this.#checkPeerEnd();
  }

  /** The client will send no more. What it has sent is answered, when it is whole. */
  #checkPeerEnd(): void {
    if (this.#leftover !== undefined || this.#isClosing) return;
    // Ends one direction of a tunnel, or of one that is not accepted yet.
    if (this.#parser.finish()) {
      if (this.#isWriteEnded) this.#finishTunnel();
      return;
    }
    if (!this.#isRequestComplete || this.#parser.isMidMessage) {
      // RFC 9112 section 8: an incomplete request is discarded.
      this.#exchange.onDownstreamClosed();
      this.#isClosing = true;
      this.#socket.destroy();
    } else if (this.#isResponseComplete) {
      this.#close();
    }
  }

  #onClose(): void {
    this.#isClosing = true;
    this.#leftover = undefined;
    this.#deadline.disarm();
    this.#server.onConnectionClosed(this);
    this.#exchange.onDownstreamClosed();
    this.#exchange.release();
  }

  /** Sends our FIN behind the response and drops what still arrives, so that no reset eats it. */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#leftover = undefined;
    this.#writer.end(this.#onSent);
    this.#reader.resume();
    this.#deadline.armClosing();
  }

  readonly #onSent = (): void => {
    if (this.#socket.destroyed) return;
    if (this.#hasPeerEnded) this.#socket.destroy();
    else this.#deadline.armLinger();
  };
}
