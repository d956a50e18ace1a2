/**
 * One HTTP/2 connection without I/O, for both roles: what the frames of a peer mean (RFC 9113 sections 4
 * to 6). Bytes come by `receive`, frames go into the sink. What heads are, and who opens streams, is the
 * business of the two classes that extend this one.
 *
 *   receive ─► FrameDecoder ─► on… ─► stream.on…          sendData ─► at once, or in turn ─► sink
 */
import { FRAMES_PER_TURN_MAX, HEAD_SIZE_BYTES_MAX } from "../core/limits.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { ConnectionStreams, type Http2ConnectionOptions } from "./connection-streams.ts";
import { ERROR_CODE } from "./error-code.ts";
import {
  FRAME_DATA,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_PRIORITY,
  FRAME_RST_STREAM,
  FRAME_WINDOW_UPDATE,
} from "./frame.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { FRAME_ERROR, FRAME_OK, frameErrorInfo } from "./frame-error.ts";
import type { FrameHandler } from "./frame-handler.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { FieldSection } from "./hpack/field-section.ts";
import { HPACK_OK, hpackErrorInfo } from "./hpack/hpack-error.ts";
import { MESSAGE_OK, messageErrorInfo } from "./message/message-error.ts";
import { readTrailers } from "./message/trailer-reader.ts";
import type { Role } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import {
  isClosed,
  RECEIPT_FINE,
  RECEIPT_IGNORED,
  receiptOf,
  STREAM_RESET_REMOTE,
  stateAfterEndReceived,
} from "./stream-state.ts";

/** Of the block that is being decoded: all connections take turns, and what it holds has its place when the next one comes. */
const SECTION = new FieldSection();
/** Where fields go that nobody wants. */
const DISCARDED = new HeaderBlock();

export abstract class Http2Connection<S extends Http2Stream>
  extends ConnectionStreams<S>
  implements FrameHandler
{
  protected readonly section = SECTION;
  readonly #clock: () => number;
  readonly #decoder: FrameDecoder;
  readonly #hpackDecoder: HpackDecoder;
  /** The stream of the DATA frame that is coming in, unless that is dropped. */
  #dataStream: S | undefined;

  constructor(role: Role, options: Http2ConnectionOptions) {
    super(role, options);
    const { scratch } = options;
    this.#clock = options.nowMs;
    this.#decoder = new FrameDecoder(role, this);
    this.#hpackDecoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  }

  /** 0, or a number that stays the same while one frame or field block has begun and not come whole (T20). */
  get awaited(): number {
    return this.#decoder.awaited;
  }

  /** Monotonic: when the peer's bytes came last, or the connection was made. */
  get lastReceivedMs(): number {
    return this.nowMs;
  }

  /** Asks the peer for a sign of life (RFC 9113 section 6.7). `payload` has 8 bytes. */
  ping(payload: Buffer): void {
    if (!this.isEnded) this.output.ping(payload);
  }

  /**
   * The bytes are valid during the call. Returns the offset of the first one that is to be given again, when other
   * connections have had their turn: `end` unless very many frames came at once.
   */
  receive(bytes: Buffer, start: number, end: number): number {
    this.nowMs = this.#clock();
    const error = this.#decoder.execute(bytes, start, end, FRAMES_PER_TURN_MAX);
    if (error !== FRAME_OK) {
      const { code, reason } = frameErrorInfo(error);
      this.fail(code, reason);
    }
    return this.#decoder.used;
  }

  /** The sink takes more again. */
  onSinkDrain(): void {
    this.sender.pump();
    this.loseStuck();
  }

  onDataFrame(streamId: number, flowBytes: number, dataBytes: number): void {
    const stream = this.streams.get(streamId);
    this.#dataStream = undefined;
    if (dataBytes === 0) this.judge(this.budget.onEmptyFrame(this.nowMs));
    const receipt =
      stream === undefined
        ? this.ids.receiptOf(streamId, FRAME_DATA)
        : receiptOf(stream.state, FRAME_DATA);
    if (stream === undefined || receipt !== RECEIPT_FINE) {
      const verdict = this.windows.receive(undefined, flowBytes);
      this.refuseFrame(verdict === RECEIPT_FINE ? receipt : verdict, streamId);
      this.creditConnection();
      return;
    }
    const { receiveWindow } = stream;
    const verdict = this.windows.receive(receiveWindow, flowBytes);
    if (verdict !== RECEIPT_FINE) {
      this.refuseFrame(verdict, streamId);
      this.creditConnection();
      return;
    }
    // RFC 9113 section 6.1: padding counts, and nobody reads it.
    if (flowBytes > dataBytes) this.windows.pass(receiveWindow, flowBytes - dataBytes);
    // Section 8.1.1: a body is as long as its Content-Length says.
    if (stream.bodyBytesLeft >= 0) {
      if (dataBytes > stream.bodyBytesLeft) {
        this.malformed(stream, "more content came than the head of its message tells");
        return;
      }
      stream.bodyBytesLeft -= dataBytes;
    }
    stream.bytesReceived += FRAME_HEADER_BYTES + flowBytes - dataBytes;
    this.#dataStream = stream;
    this.credit(stream);
  }

  onData(streamId: number, bytes: Buffer, start: number, end: number, isEndStream: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || this.isGone(stream, streamId)) return;
    if (end > start) {
      stream.bytesReceived += end - start;
      // Before the call, which may pause the stream and let it go on.
      stream.bytesUncredited += end - start;
      stream.onData(bytes, start, end);
      if (this.isGone(stream, streamId)) return;
      if (!stream.isReadingPaused) this.creditReader(stream);
    }
    if (isEndStream) this.endReceived(stream, undefined);
  }

  abstract onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void;

  abstract onGoaway(
    lastStreamId: number,
    code: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;

  /** The peer's settings have changed. */
  protected abstract onPeerSettings(): void;

  onPushPromise(): void {
    // RFC 9113 section 8.4: we disabled push.
    this.fail(ERROR_CODE.protocolError, "a server pushed although push is disabled");
  }

  onEmptyFragment(): void {
    this.judge(this.budget.onEmptyFrame(this.nowMs));
  }

  onRstStream(streamId: number, code: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.refuseFrame(this.ids.receiptOf(streamId, FRAME_RST_STREAM), streamId);
      return;
    }
    this.countPeerReset(stream);
    this.close(stream, STREAM_RESET_REMOTE);
    stream.onPeerReset(code);
    this.retire(stream);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    const { peer } = this;
    const initialBefore = peer.initialWindowSize;
    const error = peer.apply(bytes, start, end);
    if (error !== FRAME_OK) {
      const { code, reason } = frameErrorInfo(error);
      this.fail(code, reason);
      return;
    }
    this.judge(this.budget.onSettings(this.nowMs));
    this.encoder.setPeerTableSize(peer.headerTableSizeLeast);
    this.encoder.setPeerTableSize(peer.headerTableSize);
    const shift = peer.initialWindowSize - initialBefore;
    if (shift !== 0 && !this.#shiftWindows(shift)) return;
    this.output.settingsAck();
    this.onAnswered();
    this.onPeerSettings();
    this.sender.pump();
  }

  onSettingsAck(): void {
    this.judge(this.budget.onSettings(this.nowMs));
  }

  onPing(bytes: Buffer, start: number): void {
    this.judge(this.budget.onPing(this.nowMs));
    if (this.isEnded) return;
    this.output.pingAck(bytes, start);
    this.onAnswered();
  }

  onPingAck(_bytes: Buffer, _start: number): void {
    this.judge(this.budget.onPing(this.nowMs));
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.judge(this.budget.onWindowUpdate(this.nowMs));
    if (streamId === 0) {
      // RFC 9113 section 6.9.1.
      if (!this.sender.credit(increment)) {
        this.fail(ERROR_CODE.flowControlError, "the connection's window is above 2^31-1");
      }
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      const receipt = this.ids.receiptOf(streamId, FRAME_WINDOW_UPDATE);
      if (receipt !== RECEIPT_IGNORED) this.refuseFrame(receipt, streamId);
      return;
    }
    if (!this.sender.creditStream(stream, increment)) {
      this.fault(stream, ERROR_CODE.flowControlError, "a stream's window is above 2^31-1");
    }
  }

  onIgnoredFrame(type: number): void {
    const { budget, nowMs } = this;
    this.judge(type === FRAME_PRIORITY ? budget.onPriority(nowMs) : budget.onDroppedFrame(nowMs));
  }

  onStreamError(streamId: number, error: number): void {
    const { code, reason } = frameErrorInfo(error);
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.fault(stream, code, reason);
    } else if (!isClosed(this.ids.stateOf(streamId))) {
      // RFC 9113 section 5.1: an idle stream cannot be reset.
      this.fail(code, reason);
    } else if (error === FRAME_ERROR.prioritySizeInvalid) {
      // Section 5.1: PRIORITY may come on a closed stream, so that section 6.3 holds there, too.
      this.refuseStream(streamId, code);
    } else {
      this.refuseFrame(RECEIPT_IGNORED, streamId);
    }
  }

  /**
   * Decodes a field block into `headers` and the section. Returns the decoder's verdict, which is not
   * below HPACK_OK: other errors have ended the connection, and undefined is returned.
   */
  protected decode(
    block: Buffer,
    start: number,
    end: number,
    headers: HeaderBlock | undefined,
  ): number | undefined {
    this.section.headers = headers ?? DISCARDED;
    const verdict = this.#hpackDecoder.decode(block, start, end, this.section);
    if (verdict >= 0) return verdict;
    const { errorCode, message } = hpackErrorInfo(verdict);
    this.fail(errorCode, message);
    return undefined;
  }

  /** HEADERS on a stream that has its head (RFC 9113 section 8.1). */
  protected receiveTrailers(
    stream: S,
    block: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void {
    const receipt = receiptOf(stream.state, FRAME_HEADERS);
    const isFine = receipt === RECEIPT_FINE;
    const trailers = isFine ? stream.receivedTrailers : undefined;
    stream.bytesReceived += end - start + FRAME_HEADER_BYTES;
    const verdict = this.decode(block, start, end, trailers);
    if (verdict === undefined) return;
    if (!isFine) {
      this.refuseFrame(receipt, stream.id);
    } else if (!isEndStream) {
      this.malformed(stream, "a second head came within a message");
    } else if (verdict !== HPACK_OK) {
      this.malformed(stream, hpackErrorInfo(verdict).message);
    } else {
      const error = readTrailers(this.section);
      if (error === MESSAGE_OK) this.endReceived(stream, trailers);
      else this.malformed(stream, messageErrorInfo(error).message);
    }
  }

  /** The peer's END_STREAM on a frame that was fine. */
  protected endReceived(stream: S, trailers: HeaderBlock | undefined): void {
    if (stream.bodyBytesLeft > 0) {
      this.malformed(stream, "a body is shorter than its Content-Length");
      return;
    }
    stream.state = stateAfterEndReceived(stream.state);
    this.windows.end(stream.receiveWindow);
    // Whoever ends the stream in `onEnd` closes it: it is not ours to touch behind that call.
    const isOver = isClosed(stream.state);
    stream.onEnd(trailers);
    if (isOver) this.finish(stream);
  }

  /** The settings and the whole window of the connection (RFC 9113 sections 3.4 and 6.9.2). */
  protected announce(settings: readonly number[]): void {
    this.output.settings(settings);
    this.creditConnection();
  }

  /** RFC 9113 section 6.9.2. False when it was a connection error. */
  #shiftWindows(shift: number): boolean {
    for (const stream of this.streams.all()) {
      if (this.sender.shiftStream(stream, shift)) continue;
      this.fail(ERROR_CODE.flowControlError, "SETTINGS made a stream's window larger than 2^31-1");
      return false;
    }
    return true;
  }

  protected override stopReading(): void {
    this.#decoder.stop();
  }
}
