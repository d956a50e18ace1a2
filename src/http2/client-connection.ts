/** The client's side of an HTTP/2 connection: requests go out, responses come in. */
import { assert } from "../core/assert.ts";
import { INTERIM_RESPONSES_MAX } from "../core/limits.ts";
import { nextRoom } from "../http/field-room.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { Http2Connection } from "./connection.ts";
import type { Http2ConnectionOptions } from "./connection-streams.ts";
import { ERROR_CODE, type ErrorCode, errorCodeName } from "./error-code.ts";
import { FRAME_HEADER_BYTES, FRAME_HEADERS } from "./frame.ts";
import { HPACK_OK, hpackErrorInfo } from "./hpack/hpack-error.ts";
import { MESSAGE_OK, messageErrorInfo } from "./message/message-error.ts";
import { requestBytesMax, writeRequest } from "./message/request-writer.ts";
import { readResponse } from "./message/response-reader.ts";
import { clientSettings } from "./settings.ts";
import { Http2Stream } from "./stream.ts";
import {
  RECEIPT_FINE,
  receiptOf,
  STREAM_HALF_CLOSED_LOCAL,
  STREAM_OPEN,
  STREAM_RESET_REMOTE,
} from "./stream-state.ts";

/** A stream that carries a request out and a response in. */
export abstract class Http2ResponseStream extends Http2Stream {
  readonly head = new ResponseHead(new HeaderBlock(nextRoom()));
  /** Of its request. */
  requestMethod = "";
  isTunnelRequest = false;
  hasHead = false;
  /** END_STREAM came with the head. */
  isHeadAll = false;
  interimCount = 0;
  /** A 1xx head has come. */
  abstract onInterim(): void;
  abstract onResponse(): void;
  /** The server has not acted on this stream and never will (RFC 9113 section 6.8). */
  abstract onRefused(reason: string): void;
}

export interface Http2ClientOptions extends Http2ConnectionOptions {
  /** The server allows another number of streams, or none any more. */
  readonly onRoom: () => void;
  /** The last stream is closed. */
  readonly onStreamsGone: () => void;
}

export class Http2Client<S extends Http2ResponseStream> extends Http2Connection<S> {
  readonly #options: Http2ClientOptions;
  #isGoingAway = false;
  #hasSettings = false;

  constructor(options: Http2ClientOptions) {
    super("client", options);
    this.#options = options;
    this.output.preface();
    this.announce(clientSettings(options.settings));
  }

  /** False when the server is known to take no tunnels of other protocols. */
  get mayTakeTunnels(): boolean {
    return !this.#hasSettings || this.peer.isConnectProtocolEnabled;
  }

  /** Streams that could be opened now. */
  get room(): number {
    if (this.#isGoingAway || this.isEnded || !this.ids.hasNext) return 0;
    return Math.max(0, this.slots.limit - this.slots.taken);
  }

  /** The server takes no more streams, or was told that none will come. */
  get isGoingAway(): boolean {
    return this.#isGoingAway;
  }

  /** No stream is opened any more. */
  drain(): void {
    this.#isGoingAway = true;
  }

  /** The last word, when no stream is open: RFC 9113 section 6.8 asks for it before a connection is closed. */
  sayGoodbye(): void {
    if (!this.isEnded) this.output.goaway(0, ERROR_CODE.noError, "");
  }

  /** Takes a place for a stream, whose request follows in the same turn. */
  reserve(stream: S): void {
    stream.id = 0;
    stream.state = STREAM_OPEN;
    this.slots.take(stream);
  }

  /** On a stream that was reserved in this turn. `isEnd`: nothing follows the head. */
  sendRequest(
    stream: S,
    head: RequestHead,
    target: string,
    authority: string,
    isEnd: boolean,
  ): void {
    const id = this.ids.openNext();
    assert(id > 0 && !this.isEnded, "a place was reserved in this turn");
    stream.begin(id, STREAM_OPEN, this.peer.initialWindowSize, this.nowMs);
    stream.requestMethod = head.method;
    stream.isTunnelRequest = head.bodyKind === BODY_TUNNEL;
    stream.hasHead = false;
    // RFC 9113 section 8.1: content comes behind a head, which tells how much.
    stream.bodyBytesLeft = 0;
    stream.isHeadAll = false;
    stream.interimCount = 0;
    this.windows.open(stream.receiveWindow);
    this.streams.add(id, stream);
    this.budget.onStreamOpened(this.nowMs);
    const at = this.output.beginHeaders(requestBytesMax(head, target, authority));
    const { encoder, output } = this;
    const end = writeRequest(encoder, output.bytes, at, head, target, authority, head.scheme);
    stream.bytesSent += output.headers(end, id, isEnd);
    if (isEnd) this.endSent(stream);
  }

  override reset(stream: S, code: ErrorCode): void {
    // Whoever gives up an answer that has ended already: both sides are done, and a reset would count as abuse (T13).
    if (stream.isHeadAll && stream.state === STREAM_HALF_CLOSED_LOCAL) this.finish(stream);
    else super.reset(stream, code);
  }

  onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void {
    const stream = this.streams.get(streamId);
    const receipt =
      stream === undefined
        ? this.ids.receiptOf(streamId, FRAME_HEADERS)
        : receiptOf(stream.state, FRAME_HEADERS);
    if (stream === undefined || receipt !== RECEIPT_FINE) {
      if (this.decode(block, start, end, undefined) === undefined) return;
      this.refuseFrame(receipt, streamId);
    } else if (stream.hasHead) {
      this.receiveTrailers(stream, block, start, end, isEndStream);
    } else {
      this.#onHead(stream, block, start, end, isEndStream);
    }
  }

  protected override endReceived(stream: S, trailers: HeaderBlock | undefined): void {
    if (stream.hasHead) super.endReceived(stream, trailers);
    else this.malformed(stream, "a response ended without a head");
  }

  /** RFC 9113 section 6.8: streams above the last one that is named were not acted on. */
  onGoaway(lastStreamId: number, code: number): void {
    if (!this.ids.receivedGoaway(lastStreamId)) {
      this.fail(
        ERROR_CODE.protocolError,
        "a GOAWAY frame names a later stream than the one before",
      );
      return;
    }
    this.judge(this.budget.onSettings(this.nowMs));
    this.#isGoingAway = true;
    const reason = `the upstream goes away (${errorCodeName(code)})`;
    for (const stream of this.streams.all()) {
      if (this.ids.isProcessed(stream.id)) continue;
      this.close(stream, STREAM_RESET_REMOTE);
      stream.onRefused(reason);
      this.retire(stream);
    }
    this.#options.onRoom();
  }

  /** A server that resets does no work of ours. */
  protected override countPeerReset(): void {}

  protected override onStreamsGone(): void {
    this.#options.onStreamsGone();
  }

  protected override onPeerSettings(): void {
    this.#hasSettings = true;
    this.slots.setLimit(
      Math.min(this.peer.maxConcurrentStreams, this.#options.settings.maxConcurrentStreams),
    );
    this.#options.onRoom();
  }

  #onHead(stream: S, block: Buffer, start: number, end: number, isEndStream: boolean): void {
    const { head } = stream;
    stream.bytesReceived += end - start + FRAME_HEADER_BYTES;
    const verdict = this.decode(block, start, end, head.headers);
    if (verdict === undefined) return;
    if (verdict !== HPACK_OK) {
      this.malformed(stream, hpackErrorInfo(verdict).message);
      return;
    }
    const { requestMethod, isTunnelRequest } = stream;
    const error = readResponse(this.section, isEndStream, requestMethod, isTunnelRequest, head);
    if (error !== MESSAGE_OK) {
      this.malformed(stream, messageErrorInfo(error).message);
      return;
    }
    if (head.status < 200 && head.bodyKind !== BODY_TUNNEL) {
      this.#onInterim(stream);
      return;
    }
    stream.hasHead = true;
    stream.bodyBytesLeft = bodyBytes(head, requestMethod);
    const streamId = stream.id;
    stream.isHeadAll = isEndStream;
    stream.onResponse();
    if (isEndStream && stream.id === streamId && !stream.isClosed) {
      // An answer without content may tell the length of what it would have had.
      stream.bodyBytesLeft = -1;
      this.endReceived(stream, undefined);
    }
  }

  #onInterim(stream: S): void {
    stream.interimCount += 1;
    if (stream.interimCount > INTERIM_RESPONSES_MAX) {
      this.malformed(stream, "more interim responses came than are accepted");
    } else {
      stream.onInterim();
    }
  }
}

/** Bytes that the content has: -1 when that is not told (RFC 9110 section 6.4.1). */
function bodyBytes(head: ResponseHead, requestMethod: string): number {
  const { status } = head;
  if (requestMethod === "HEAD" || status === 204 || status === 304) return 0;
  return head.bodyKind === BODY_TUNNEL ? -1 : head.contentLength;
}
