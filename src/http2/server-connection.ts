/** The server's side of an HTTP/2 connection: requests come in, responses go out. */
import { Buffer } from "node:buffer";
import { nextRoom } from "../http/field-room.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { BODY_TUNNEL, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { Http2Connection } from "./connection.ts";
import type { Http2ConnectionOptions } from "./connection-streams.ts";
import { ERROR_CODE } from "./error-code.ts";
import { FRAME_HEADER_BYTES, FRAME_HEADERS, PING_BYTES, UINT31_MAX } from "./frame.ts";
import { HPACK_OK, HPACK_TOO_LARGE, hpackErrorInfo } from "./hpack/hpack-error.ts";
import { MESSAGE_OK, messageErrorInfo } from "./message/message-error.ts";
import { readRequest } from "./message/request-reader.ts";
import {
  localBytesMax,
  responseBytesMax,
  writeLocal,
  writeResponse,
} from "./message/response-writer.ts";
import { serverSettings } from "./settings.ts";
import { Http2Stream } from "./stream.ts";
import {
  RECEIPT_FINE,
  STREAM_HALF_CLOSED_LOCAL,
  STREAM_HALF_CLOSED_REMOTE,
  STREAM_OPEN,
} from "./stream-state.ts";

/** Tells the answer to it from answers to a peer's own ideas. */
const DRAIN_PING = Buffer.from("drained?", "latin1");

/** A stream that carries a request in and a response out. */
export abstract class Http2RequestStream extends Http2Stream {
  readonly head = new RequestHead(new HeaderBlock(nextRoom()));
  /** The response has switched to a tunnel: each direction ends on its own. */
  isTunnel = false;
  /** `head` has come, and `onRequest` is still to be called. */
  isArrived = false;
  /** `head` has come. Not called for a request that its client resets in the same read. */
  abstract onRequest(): void;
  /** The fields are larger than what is accepted: to be answered with 431 (RFC 6585). */
  abstract onFieldsTooLarge(): void;
}

export interface Http2ServerOptions<S extends Http2RequestStream> extends Http2ConnectionOptions {
  /** An object for the next stream, fresh or one whose `onClosed` was called. */
  readonly takeStream: () => S;
  /** A stream was opened or closed. */
  readonly onActivity: () => void;
  /** A drain is over: no stream is open, and none will be. */
  readonly onDrained: () => void;
}

export class Http2Server<S extends Http2RequestStream> extends Http2Connection<S> {
  readonly #options: Http2ServerOptions<S>;
  #isDraining = false;
  /** The last stream that will be served is settled. */
  #isLastNamed = false;
  /**
   * Opened by the read that is being taken. They begin behind it, or with the next byte of a body: a request that its
   * client takes back at once has cost its head, and nothing upstream (T12). May name one twice.
   */
  readonly #arrived: (S | undefined)[] = [];
  #arrivedCount = 0;

  constructor(options: Http2ServerOptions<S>) {
    super("server", options);
    this.#options = options;
    this.announce(serverSettings(options.settings));
  }

  override receive(bytes: Buffer, start: number, end: number): number {
    const used = super.receive(bytes, start, end);
    this.#beginArrived();
    return used;
  }

  override onDataFrame(streamId: number, flowBytes: number, dataBytes: number): void {
    this.#beginArrived();
    super.onDataFrame(streamId, flowBytes, dataBytes);
  }

  sendInterim(stream: S, head: ResponseHead): void {
    if (stream.canSend) this.#sendHead(stream, head, false);
  }

  /** `isEnd`: nothing follows the head. */
  sendResponse(stream: S, head: ResponseHead, isEnd: boolean): void {
    if (!stream.canSend) return;
    stream.isTunnel = head.bodyKind === BODY_TUNNEL;
    this.#sendHead(stream, head, isEnd);
    if (isEnd) this.endSent(stream);
  }

  /** A response of this proxy's own, whose content follows by `sendData` unless `isEnd`. `contentLength` -1: none is told. */
  sendLocal(
    stream: S,
    status: number,
    headers: HeaderBlock,
    contentLength: number,
    isEnd: boolean,
  ): void {
    if (!stream.canSend) return;
    const at = this.output.beginHeaders(localBytesMax(headers));
    const { encoder, output } = this;
    const end = writeLocal(encoder, output.bytes, at, status, headers, contentLength);
    stream.bytesSent += output.headers(end, stream.id, isEnd);
    if (isEnd) this.endSent(stream);
  }

  /**
   * RFC 9113 section 6.8: tells the client to open no more streams; those that are on their way are still
   * served. After a round trip, or `finishDrain`, the last one is named.
   */
  drain(): void {
    if (this.#isDraining || this.isEnded) return;
    this.#isDraining = true;
    this.output.goaway(UINT31_MAX, ERROR_CODE.noError, "");
    this.output.ping(DRAIN_PING);
  }

  /** The client has had its time to hear of the drain. */
  finishDrain(): void {
    if (!this.#isDraining || this.#isLastNamed || this.isEnded) return;
    this.#isLastNamed = true;
    this.ids.sentGoaway(this.ids.newestId);
    this.output.goaway(this.ids.newestId, ERROR_CODE.noError, "");
    if (this.streamCount === 0) this.#options.onDrained();
  }

  override onPingAck(bytes: Buffer, start: number): void {
    super.onPingAck(bytes, start);
    if (DRAIN_PING.compare(bytes, start, start + PING_BYTES) === 0) this.finishDrain();
  }

  onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.#beginArrived();
      this.receiveTrailers(stream, block, start, end, isEndStream);
      return;
    }
    const receipt = this.ids.receiptOf(streamId, FRAME_HEADERS);
    if (receipt === RECEIPT_FINE) {
      this.#open(streamId, block, start, end, isEndStream);
      return;
    }
    // Section 4.3: the block is decoded in any case, the tables would get out of step.
    if (this.decode(block, start, end, undefined) !== undefined) {
      this.refuseFrame(receipt, streamId);
    }
  }

  /**
   * RFC 9113 section 8.1: the response is complete before its request. The rest of that is not wanted, nor is
   * what follows a refused CONNECT; a tunnel's other direction is.
   */
  override endSent(stream: S): void {
    super.endSent(stream);
    if (stream.state !== STREAM_HALF_CLOSED_LOCAL) return;
    if (!stream.isTunnel) this.reset(stream, ERROR_CODE.noError);
  }

  /** A client has nothing that a server could be told to stop: it will open no stream, or has gone. */
  onGoaway(): void {
    this.judge(this.budget.onSettings(this.nowMs));
  }

  protected override countPeerReset(stream: S): void {
    this.judge(this.budget.onPeerReset(this.nowMs, this.nowMs - stream.openedAtMs));
  }

  protected override onStreamsGone(): void {
    if (this.#isLastNamed && !this.isEnded) this.#options.onDrained();
    else this.#options.onActivity();
  }

  protected override onPeerSettings(): void {}

  #open(streamId: number, block: Buffer, start: number, end: number, isEndStream: boolean): void {
    const { ids, section } = this;
    ids.open(streamId);
    this.budget.onStreamOpened(this.nowMs);
    const stream = this.#options.takeStream();
    const verdict = this.decode(block, start, end, stream.head.headers);
    if (verdict === undefined) {
      stream.onClosed();
      return;
    }
    if (!this.slots.take(stream)) {
      stream.onClosed();
      this.refuseStream(streamId, ERROR_CODE.refusedStream);
      return;
    }
    const state = isEndStream ? STREAM_HALF_CLOSED_REMOTE : STREAM_OPEN;
    stream.begin(streamId, state, this.peer.initialWindowSize, this.nowMs);
    stream.isTunnel = false;
    stream.isArrived = false;
    stream.bytesReceived = end - start + FRAME_HEADER_BYTES;
    if (!isEndStream) this.windows.open(stream.receiveWindow);
    this.streams.add(streamId, stream);
    this.#options.onActivity();
    if (verdict === HPACK_TOO_LARGE) {
      stream.onFieldsTooLarge();
      return;
    }
    if (verdict !== HPACK_OK) {
      this.malformed(stream, hpackErrorInfo(verdict).message);
      return;
    }
    const error = readRequest(section, isEndStream, stream.head);
    if (error !== MESSAGE_OK) {
      this.malformed(stream, messageErrorInfo(error).message);
      return;
    }
    if (stream.head.upgrade !== "" && !this.#options.settings.allowsConnect) {
      // RFC 8441 section 3: only with a server that announced it.
      this.malformed(stream, "extended CONNECT came although it is not enabled");
      return;
    }
    stream.bodyBytesLeft = stream.head.contentLength;
    stream.isArrived = true;
    this.#arrived[this.#arrivedCount] = stream;
    this.#arrivedCount += 1;
  }

  #beginArrived(): void {
    const count = this.#arrivedCount;
    if (count === 0) return;
    this.#arrivedCount = 0;
    for (let i = 0; i < count; i++) {
      const stream = this.#arrived[i]!;
      this.#arrived[i] = undefined;
      // Reset by now, or named before; what a connection has brought that broke the protocol begins no more.
      if (!stream.isArrived || stream.isClosed || this.isEnded) continue;
      this.#begin(stream);
    }
  }

  #begin(stream: S): void {
    const { id } = stream;
    const isWhole = stream.state === STREAM_HALF_CLOSED_REMOTE;
    stream.isArrived = false;
    stream.onRequest();
    if (isWhole && !this.isGone(stream, id)) stream.onEnd(undefined);
  }

  #sendHead(stream: S, head: ResponseHead, isEnd: boolean): void {
    const at = this.output.beginHeaders(responseBytesMax(head));
    const end = writeResponse(this.encoder, this.output.bytes, at, head);
    stream.bytesSent += this.output.headers(end, stream.id, isEnd);
  }
}
