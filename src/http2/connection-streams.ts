/**
 * The streams of one connection: how they are sent on, credited and closed, and what the faults of a peer
 * cost it (RFC 9113 section 5). What frames say comes from the class that extends this one.
 */
import { assert } from "../core/assert.ts";
import { PREMATURE_RESETS_MAX, STREAM_WINDOW_GROWN_BYTES_MAX } from "../core/limits.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { type AbuseBound, AbuseBudget } from "./abuse-budget.ts";
import { ERROR_CODE, type ErrorCode } from "./error-code.ts";
import { ReceiveWindows } from "./flow-window-receive.ts";
import { FrameOutput } from "./frame-output.ts";
import type { FrameSink } from "./frame-sink.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { HpackScratch } from "./hpack/hpack-scratch.ts";
import { type Role, Settings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import { StreamIds } from "./stream-ids.ts";
import { StreamSender, type StreamSenderOwner } from "./stream-sender.ts";
import { StreamSlots } from "./stream-slots.ts";
import {
  type ClosedStreamState,
  isClosed,
  isConnectionError,
  RECEIPT_IGNORED,
  receiptErrorCode,
  STREAM_ENDED,
  STREAM_RESET_LOCAL,
  STREAM_RESET_REMOTE,
  stateAfterEndSent,
} from "./stream-state.ts";
import { StreamTable } from "./stream-table.ts";

export interface ConnectionSettings {
  /** Streams at a time: as server what is announced, as client what is used of that. */
  readonly maxConcurrentStreams: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE that is announced, in bytes. */
  readonly initialStreamWindowBytes: number;
  /** What the peer may send on all streams together, in bytes. */
  readonly initialConnectionWindowBytes: number;
  /** Whether tunnels of other protocols are carried: extended CONNECT (RFC 8441). */
  readonly allowsConnect: boolean;
}

export interface Http2ConnectionOptions {
  readonly sink: FrameSink;
  readonly settings: ConnectionSettings;
  /** The process's own. */
  readonly scratch: HpackScratch;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Whether fields are Huffman coded: worth it across networks, not between two sidecars. */
  readonly usesHuffman: boolean;
  /** Early resets that are allowed in a period; PREMATURE_RESETS_MAX when left out. */
  readonly prematureResetsMax?: number;
  /**
   * The peer broke the protocol or a bound: GOAWAY was written and nothing is read any more. To be closed
   * once that has been sent; `lose` then tells the streams.
   */
  readonly onError: (code: ErrorCode, reason: string) => void;
  /** Behind the peer's end, bytes wait for a window: `loseStuck` is to follow, in another turn. Not for those who do not use `endReceiving`. */
  readonly onStuck?: () => void;
}

export abstract class ConnectionStreams<S extends Http2Stream> implements StreamSenderOwner<S> {
  readonly peer: Settings;
  protected readonly output: FrameOutput;
  protected readonly encoder: HpackEncoder;
  protected readonly sender: StreamSender<S>;
  protected readonly ids: StreamIds;
  protected readonly slots: StreamSlots;
  protected readonly budget: AbuseBudget;
  protected readonly streams = new StreamTable<S>();
  protected readonly windows: ReceiveWindows;
  /** When the bytes arrived that are being read, or were read last. */
  protected nowMs: number;
  readonly #options: Http2ConnectionOptions;
  #isEnded = false;
  #hasPeerEnded = false;

  constructor(role: Role, options: Http2ConnectionOptions) {
    const { scratch, usesHuffman, settings, prematureResetsMax = PREMATURE_RESETS_MAX } = options;
    this.#options = options;
    this.peer = new Settings(role === "server" ? "client" : "server");
    this.output = new FrameOutput(options.sink, this.peer);
    this.encoder = new HpackEncoder({ scratch, usesHuffman });
    this.sender = new StreamSender<S>(this.output, this.encoder, this);
    this.ids = new StreamIds(role);
    this.slots = new StreamSlots(settings.maxConcurrentStreams);
    this.windows = new ReceiveWindows({
      streamsMax: settings.maxConcurrentStreams,
      streamBytes: settings.initialStreamWindowBytes,
      streamBytesMax: Math.max(STREAM_WINDOW_GROWN_BYTES_MAX, settings.initialStreamWindowBytes),
      connectionBytes: settings.initialConnectionWindowBytes,
    });
    this.nowMs = options.nowMs();
    this.budget = new AbuseBudget(this.nowMs, prematureResetsMax);
  }

  /** Streams that are open. */
  get streamCount(): number {
    return this.streams.size;
  }

  forEachStream(visit: (stream: S) => void): void {
    for (const stream of this.streams.all()) visit(stream);
  }

  /** No frame is read any more: the peer was told why, or the connection is gone. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Ends the connection by a limit of ours that the peer ran into. */
  giveUp(reason: string): void {
    this.fail(ERROR_CODE.enhanceYourCalm, reason);
  }

  /** The connection is gone: so are its streams. */
  lose(reason: string): void {
    this.#isEnded = true;
    this.stopReading();
    for (const stream of this.streams.all()) this.#loseStream(stream, reason);
  }

  /**
   * The peer has ended its side of the connection: messages that are not whole never will be. The others are served,
   * as far as windows allow, none of which will open any more: `onStuck` tells when one waits for that.
   */
  endReceiving(reason: string): void {
    this.#hasPeerEnded = true;
    for (const stream of this.streams.all()) {
      if (stream.canReceive) this.#loseStream(stream, reason);
    }
    this.loseStuck();
  }

  /** Behind the peer's end: gives up what waits for a window. Not to be called from within a stream's call. */
  loseStuck(): void {
    // What the sink does not take yet may still leave.
    if (!this.#hasPeerEnded || this.output.isBlocked) return;
    for (const stream of this.streams.all()) {
      if (stream.sending.queuedBytes > 0) {
        this.#loseStream(stream, "the peer has ended the connection and takes no more");
      }
    }
  }

  /** Returns false when the source is to pause until `onSendDrain`. What comes for a closed stream is dropped. */
  sendData(stream: S, bytes: Buffer, start: number, end: number): boolean {
    if (!stream.canSend || end === start) return true;
    const goesOn = this.sender.data(stream, bytes, start, end);
    if (this.#hasPeerEnded && stream.sending.queuedBytes > 0) this.#options.onStuck?.();
    return goesOn;
  }

  /** Ends this side of the stream behind what was sent. Trailers are read during the call. */
  sendEnd(stream: S, trailers: HeaderBlock | undefined): void {
    if (stream.canSend && !stream.sending.isEnding) this.sender.end(stream, trailers);
  }

  /** Ends the stream both ways for reasons of ours. Nothing more is told to it but `onClosed`. */
  reset(stream: S, code: ErrorCode): void {
    if (isClosed(stream.state)) return;
    this.budget.onOwnReset(this.nowMs);
    this.#sendReset(stream, code);
    this.retire(stream);
    this.onAnswered();
  }

  pauseReading(stream: S): void {
    stream.isReadingPaused = true;
  }

  resumeReading(stream: S): void {
    if (!stream.isReadingPaused) return;
    stream.isReadingPaused = false;
    this.creditReader(stream);
  }

  endSent(stream: S): void {
    stream.state = stateAfterEndSent(stream.state);
    if (isClosed(stream.state)) this.finish(stream);
  }

  onDataSent(frames: number): void {
    this.budget.onDataSent(this.nowMs, frames);
  }

  /** The peer reset a stream that was not over. */
  protected abstract countPeerReset(stream: S): void;

  /** The last open stream is closed. */
  protected abstract onStreamsGone(): void;

  /** RFC 9113 section 8.1.1: a malformed message is a stream error. */
  protected malformed(stream: S, reason: string): void {
    this.fault(stream, ERROR_CODE.protocolError, reason);
  }

  /** A frame that its stream's state does not allow; `receipt` is none of RECEIPT_FINE. */
  protected refuseFrame(receipt: number, streamId: number): void {
    if (receipt === RECEIPT_IGNORED) {
      this.judge(this.budget.onDroppedFrame(this.nowMs));
      return;
    }
    const code = receiptErrorCode(receipt);
    const reason = "a frame came that the state of its stream does not allow";
    if (isConnectionError(receipt)) {
      this.fail(code, reason);
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.fault(stream, code, reason);
      return;
    }
    this.refuseStream(streamId, code);
  }

  /** Resets a stream that has no object. */
  protected refuseStream(streamId: number, code: ErrorCode): void {
    this.output.rstStream(streamId, code);
    this.onAnswered();
    this.ids.close(streamId, STREAM_RESET_LOCAL);
    this.judge(this.budget.onProvokedReset(this.nowMs));
  }

  /** Takes the stream's place and identifier back. */
  protected close(stream: S, state: ClosedStreamState): void {
    stream.state = state;
    this.ids.close(stream.id, state);
    if (state === STREAM_ENDED) this.slots.ended(stream);
    else this.slots.reset(stream);
  }

  protected judge(bound: AbuseBound | undefined): void {
    if (bound !== undefined) this.fail(ERROR_CODE.enhanceYourCalm, this.budget.reasonOf(bound));
  }

  /** Ends the connection by a fault of the peer's. */
  protected fail(code: ErrorCode, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.stopReading();
    this.output.goaway(this.ids.newestId, code, reason);
    this.#options.onError(code, reason);
  }

  /** What the reader has had is credited: a frame of which a part is still to come is, as far as it came. */
  protected creditReader(stream: S): void {
    if (stream.bytesUncredited === 0) return;
    this.windows.pass(stream.receiveWindow, stream.bytesUncredited);
    stream.bytesUncredited = 0;
    this.credit(stream);
  }

  protected credit(stream: S): void {
    this.creditConnection();
    if (!stream.canReceive) return;
    const increment = this.windows.takeStreamIncrement(stream.receiveWindow);
    if (increment === 0) return;
    this.output.windowUpdate(stream.id, increment);
    this.onAnswered();
  }

  protected creditConnection(): void {
    const increment = this.windows.takeIncrement();
    if (increment === 0 || this.#isEnded) return;
    this.output.windowUpdate(0, increment);
    this.onAnswered();
  }

  /** An answer was written: they must not pile up for a peer that does not read (T17). */
  protected onAnswered(): void {
    if (this.output.isFlushed) this.budget.onControlFlushed();
    this.judge(this.budget.onControlQueued());
  }

  /** A stream error of the peer's. */
  protected fault(stream: S, code: ErrorCode, reason: string): void {
    this.#sendReset(stream, code);
    stream.onMalformed(reason);
    this.retire(stream);
    // Behind that: one too many ends the connection, and with it all streams that are left.
    this.onAnswered();
    this.judge(this.budget.onProvokedReset(this.nowMs));
  }

  /** Its place is given back too: the object may serve on another connection next. */
  #loseStream(stream: S, reason: string): void {
    this.close(stream, STREAM_RESET_REMOTE);
    stream.onLost(reason);
    this.retire(stream);
  }

  #sendReset(stream: S, code: ErrorCode): void {
    this.output.rstStream(stream.id, code);
    this.close(stream, STREAM_RESET_LOCAL);
  }

  /** END_STREAM went both ways. */
  protected finish(stream: S): void {
    this.close(stream, STREAM_ENDED);
    this.retire(stream);
  }

  /** The stream is closed: nothing of it stays. */
  protected retire(stream: S): void {
    assert(isClosed(stream.state), "a stream is closed before it is retired");
    this.streams.delete(stream.id);
    this.windows.close(stream.receiveWindow);
    stream.bytesUncredited = 0;
    this.sender.drop(stream);
    // Exchanges have given up by now what they had begun upstream: a reset buys no work (T13).
    this.slots.workEnded(stream);
    stream.onClosed();
    if (!this.#isEnded) this.creditConnection();
    if (this.streams.size === 0) this.onStreamsGone();
  }

  /** Within a callback the stream was closed, and its object may carry another one by now. */
  protected isGone(stream: S, streamId: number): boolean {
    return stream.id !== streamId || isClosed(stream.state);
  }

  /** No frame is to be read any more. */
  protected abstract stopReading(): void;
}
