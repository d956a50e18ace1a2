/** One request on a downstream HTTP/2 connection: between its stream and its exchange. Used again for later ones. */
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_NONE } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ERROR_CODE } from "../http2/error-code.ts";
import { Http2RequestStream, type Http2Server } from "../http2/server-connection.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import { Exchange } from "./exchange.ts";
import type { HttpServer } from "./http-server.ts";
import { LOCAL_REPLY } from "./local-reply.ts";
import type { ServerStream } from "./stream.ts";

/** Some 3 KB each. More are made when more requests are under way, and let go behind them. */
const FREE_STREAMS_MAX = 1_000;
/** Fields of the last request stay with the object until the next one. */
const KEPT_FIELDS_BYTES_MAX = 4 * 1024;

export interface Http2ServerStreamOwner {
  /** The fault of the client's that the connection ends for. */
  readonly failure: string | undefined;
  readonly connection: DownstreamConnection;
  readonly http2: Http2Server<Http2ServerStream>;
}

export class Http2ServerStream extends Http2RequestStream implements ServerStream {
  #owner: Http2ServerStreamOwner;
  readonly #exchange: Exchange;
  readonly #pool: Http2StreamPool;
  /** The exchange has had its request, and has not ended it. */
  #isInExchange = false;

  constructor(owner: Http2ServerStreamOwner, server: HttpServer, pool: Http2StreamPool) {
    super();
    this.#owner = owner;
    this.head.scheme = owner.connection.scheme;
    this.#pool = pool;
    this.#exchange = new Exchange(this, server);
  }

  /** For a request on another connection. */
  moveTo(owner: Http2ServerStreamOwner): void {
    this.#owner = owner;
    this.head.scheme = owner.connection.scheme;
  }

  get connection(): DownstreamConnection {
    return this.#owner.connection;
  }

  get requestBytes(): number {
    return this.bytesReceived;
  }

  get responseBytes(): number {
    return this.bytesSent;
  }

  /** Nothing: what follows on the connection belongs to other streams. */
  closeAfterResponse(): void {}

  sendInterim(head: ResponseHead): void {
    this.#owner.http2.sendInterim(this, head);
  }

  sendHead(head: ResponseHead): void {
    this.#owner.http2.sendResponse(this, head, head.bodyKind === BODY_NONE);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    const { http2 } = this.#owner;
    // RFC 9110 section 8.6: no Content-Length in a 204; a 304 would have to tell the length of another answer.
    const hasLength = status !== 204 && status !== 304;
    const content = hasLength ? Buffer.from(body) : undefined;
    const isEnd = content === undefined || content.length === 0 || this.head.method === "HEAD";
    this.#leaveExchange();
    http2.sendLocal(this, status, headers, content?.length ?? -1, isEnd);
    if (isEnd) return;
    http2.sendData(this, content, 0, content.length);
    http2.sendEnd(this, undefined);
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#owner.http2.sendData(this, bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    // The other direction of a tunnel goes on, and the exchange with it.
    if (!this.isTunnel) this.#leaveExchange();
    this.#owner.http2.sendEnd(this, trailers);
  }

  reset(): void {
    this.#leaveExchange();
    this.#owner.http2.reset(this, ERROR_CODE.internalError);
  }

  pauseRequest(): void {
    this.#owner.http2.pauseReading(this);
  }

  resumeRequest(): void {
    this.#owner.http2.resumeReading(this);
  }

  override onRequest(): void {
    this.#isInExchange = true;
    this.#exchange.begin(this.head);
  }

  override onFieldsTooLarge(): void {
    this.#isInExchange = true;
    this.head.method = "";
    this.#exchange.refuse(LOCAL_REPLY.downstreamProtocolError, 431, "the fields are too large");
  }

  override onData(bytes: Buffer, start: number, end: number): void {
    this.#exchange.onRequestBody(bytes, start, end);
  }

  override onEnd(trailers: HeaderBlock | undefined): void {
    this.#exchange.onRequestEnd(trailers);
  }

  override onSendDrain(): void {
    this.#exchange.onDownstreamDrain();
  }

  override onPeerReset(): void {
    this.#lose();
  }

  override onLost(): void {
    const { failure } = this.#owner;
    if (failure === undefined) this.#lose();
    else this.onMalformed(failure);
  }

  /** The stream is reset by now: what the exchange answers is dropped, and recorded. */
  override onMalformed(reason: string): void {
    const isBegun = this.#isInExchange;
    this.#isInExchange = false;
    if (isBegun) {
      this.#exchange.abortRequest(400, reason);
      return;
    }
    const head = this.isArrived ? this.head : undefined;
    this.#exchange.refuse(LOCAL_REPLY.downstreamProtocolError, 400, reason, head);
  }

  /** This process has no more time for it. */
  endEarly(): void {
    if (this.#isInExchange) this.#exchange.endEarly();
  }

  judgeTunnel(): void {
    if (this.#isInExchange) this.#exchange.judgeTunnel();
  }

  override onClosed(): void {
    if (!this.#isInExchange) this.#pool.give(this);
  }

  /** It will not be used again: its timers, which stay armed from request to request, would hold it for minutes. */
  letGo(): void {
    this.#exchange.release();
  }

  #lose(): void {
    this.#isInExchange = false;
    if (this.isArrived) this.#exchange.takeBack(this.head);
    else this.#exchange.onDownstreamClosed();
  }

  /** The exchange says its last word. Where the stream was over before, it is free now. */
  #leaveExchange(): void {
    if (!this.#isInExchange) return;
    this.#isInExchange = false;
    if (this.isClosed) this.#pool.give(this);
  }
}

/** Streams whose requests are over, for the next ones of all connections of a server: each holds some kilobytes. */
export class Http2StreamPool {
  readonly #server: HttpServer;
  readonly #free: Http2ServerStream[] = [];

  constructor(server: HttpServer) {
    this.#server = server;
  }

  take(owner: Http2ServerStreamOwner): Http2ServerStream {
    const free = this.#free.pop();
    if (free === undefined) return new Http2ServerStream(owner, this.#server, this);
    free.moveTo(owner);
    return free;
  }

  /** Its stream is over, and its exchange says its last word. One that holds large fields is let go. */
  give(stream: Http2ServerStream): void {
    const isLarge = stream.head.headers.text.length > KEPT_FIELDS_BYTES_MAX;
    if (isLarge || this.#free.length === FREE_STREAMS_MAX) stream.letGo();
    else this.#free.push(stream);
  }
}
