/**
 * What the streams of one connection send besides heads: bodies at once where windows and the peer allow,
 * otherwise in turn, and their ends behind them.
 */
import type { HeaderBlock } from "../http/header-block.ts";
import { SendWindow } from "./flow-window.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import type { FrameOutput } from "./frame-output.ts";
import type { HpackEncoder } from "./hpack/encoder.ts";
import { trailerBytesMax, writeTrailers } from "./message/trailer-writer.ts";
import { SendScheduler } from "./send-scheduler.ts";
import { type Http2Stream, keptTrailers } from "./stream.ts";

export interface StreamSenderOwner<S extends Http2Stream> {
  /** END_STREAM was written. */
  endSent(stream: S): void;
  /** So many DATA frames were written. */
  onDataSent(frames: number): void;
}

export class StreamSender<S extends Http2Stream> {
  readonly #output: FrameOutput;
  readonly #encoder: HpackEncoder;
  readonly #owner: StreamSenderOwner<S>;
  readonly #window = new SendWindow();
  readonly #scheduler = new SendScheduler<Http2Stream>(this.#window);
  #isPumping = false;
  /** Streams whose sources wait for the peer to read, with nothing in the scheduler. */
  #stalled: S[] = [];

  constructor(output: FrameOutput, encoder: HpackEncoder, owner: StreamSenderOwner<S>) {
    this.#output = output;
    this.#encoder = encoder;
    this.#owner = owner;
  }

  /** Returns false when the source is to pause until `onSendDrain`. */
  data(stream: S, bytes: Buffer, start: number, end: number): boolean {
    const isOpen = !this.#output.isBlocked;
    const granted = isOpen ? this.#scheduler.grantNow(stream.sending, end - start) : 0;
    if (granted > 0) this.#write(stream, bytes, start, start + granted);
    const rest = end - start - granted;
    if (rest === 0) return this.#output.isBlocked ? this.#stall(stream) : true;
    stream.queue.push(bytes, end - rest, end);
    return this.#scheduler.queue(stream.sending, rest);
  }

  /** Ends the stream behind what was sent. Trailers are read during the call. */
  end(stream: S, trailers: HeaderBlock | undefined): void {
    if (stream.sending.queuedBytes === 0) {
      this.#writeEnd(stream, trailers);
    } else {
      stream.trailersToSend = trailers && keptTrailers(trailers);
      this.#scheduler.end(stream.sending);
    }
  }

  /** The stream is gone, and with it what waits. */
  drop(stream: S): void {
    stream.isStalled = false;
    if (this.#scheduler.remove(stream.sending) > 0) stream.queue.clear();
    stream.trailersToSend = undefined;
  }

  /** WINDOW_UPDATE for the connection. False above 2^31-1. */
  credit(increment: number): boolean {
    if (!this.#window.credit(increment)) return false;
    this.pump();
    return true;
  }

  /** WINDOW_UPDATE for a stream. False above 2^31-1. */
  creditStream(stream: S, increment: number): boolean {
    if (!stream.sending.credit(increment)) return false;
    this.#scheduler.windowOpened(stream.sending);
    this.pump();
    return true;
  }

  /** SETTINGS changed the stream's window; `pump` is to follow. False above 2^31-1. */
  shiftStream(stream: S, difference: number): boolean {
    if (!stream.sending.shift(difference)) return false;
    if (difference > 0) this.#scheduler.windowOpened(stream.sending);
    return true;
  }

  /** Sends what has become possible. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#output.isBlocked) {
      const entry = this.#scheduler.next();
      if (entry === undefined) break;
      const { isGrantLast, isGrantDrain } = entry;
      const stream = entry.stream as S;
      this.#writeQueued(stream, entry.grantedBytes);
      if (isGrantLast) this.#writeEnd(stream, stream.trailersToSend);
      else if (isGrantDrain) stream.onSendDrain();
    }
    this.#isPumping = false;
    if (this.#stalled.length > 0 && !this.#output.isBlocked) this.#wakeStalled();
  }

  /** Everything of the stream was written, but more would only wait here: its source pauses as well. */
  #stall(stream: S): false {
    if (!stream.isStalled) this.#stalled.push(stream);
    stream.isStalled = true;
    return false;
  }

  #wakeStalled(): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const stream of stalled) {
      // One that is gone is not stalled any more, whatever its object does now.
      if (!stream.isStalled) continue;
      stream.isStalled = false;
      stream.onSendDrain();
    }
  }

  #write(stream: S, bytes: Buffer, start: number, end: number): void {
    const frames = this.#output.data(stream.id, bytes, start, end);
    stream.bytesSent += end - start + frames * FRAME_HEADER_BYTES;
    this.#owner.onDataSent(frames);
  }

  #writeQueued(stream: S, bytes: number): void {
    const { queue } = stream;
    let left = bytes;
    while (left > 0) {
      const count = Math.min(left, queue.firstBytes);
      this.#write(stream, queue.first, queue.start, queue.start + count);
      queue.shift(count);
      left -= count;
    }
  }

  #writeEnd(stream: S, trailers: HeaderBlock | undefined): void {
    if (trailers === undefined) {
      this.#output.endStream(stream.id);
    } else {
      const at = this.#output.beginHeaders(trailerBytesMax(trailers));
      const end = writeTrailers(this.#encoder, this.#output.bytes, at, trailers);
      stream.bytesSent += this.#output.headers(end, stream.id, true);
    }
    this.#owner.endSent(stream);
  }
}
