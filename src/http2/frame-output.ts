/** Writes the frames of one connection into its sink, and knows what a peer demands of them. */
import { SEND_QUANTUM_BYTES } from "../core/limits.ts";
import type { ErrorCode } from "./error-code.ts";
import {
  FLAG_END_STREAM,
  FRAME_HEADER_BYTES,
  GOAWAY_BYTES_MIN,
  PING_BYTES,
  RST_STREAM_BYTES,
  SETTING_BYTES,
  WINDOW_UPDATE_BYTES,
} from "./frame.ts";
import type { FrameSink } from "./frame-sink.ts";
import {
  frameHeaders,
  headersSize,
  writeDataHeader,
  writeGoaway,
  writePing,
  writePingAck,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "./frame-writer.ts";
import { CLIENT_PREFACE } from "./preface.ts";
import type { Settings } from "./settings.ts";

/** Where the flags stand in a frame's header (RFC 9113 section 4.1). */
const FLAGS_AT = 4;

export class FrameOutput {
  readonly #sink: FrameSink;
  readonly #peer: Settings;
  /** The DATA frame that was written last, as long as it is the last frame: where it begins and ends. */
  #dataBytes: Buffer | undefined;
  #dataAt = 0;
  #dataEnd = 0;
  #dataStreamId = 0;

  constructor(sink: FrameSink, peer: Settings) {
    this.#sink = sink;
    this.#peer = peer;
  }

  get isBlocked(): boolean {
    return this.#sink.isBlocked;
  }

  get isFlushed(): boolean {
    return this.#sink.isFlushed;
  }

  /** RFC 9113 section 3.4. */
  preface(): void {
    this.#sink.reserve(CLIENT_PREFACE.length);
    CLIENT_PREFACE.copy(this.#sink.bytes, this.#sink.at);
    this.#sink.commit(this.#sink.at + CLIENT_PREFACE.length);
  }

  settings(settings: readonly number[]): void {
    const sink = this.#reserve((settings.length / 2) * SETTING_BYTES);
    sink.commit(writeSettings(sink.bytes, sink.at, settings));
  }

  settingsAck(): void {
    const sink = this.#reserve(0);
    sink.commit(writeSettingsAck(sink.bytes, sink.at));
  }

  ping(payload: Buffer): void {
    const sink = this.#reserve(PING_BYTES);
    sink.commit(writePing(sink.bytes, sink.at, payload, 0));
  }

  pingAck(bytes: Buffer, start: number): void {
    const sink = this.#reserve(PING_BYTES);
    sink.commit(writePingAck(sink.bytes, sink.at, bytes, start));
  }

  goaway(lastStreamId: number, code: ErrorCode, debugText: string): void {
    const sink = this.#reserve(GOAWAY_BYTES_MIN + debugText.length);
    sink.commit(writeGoaway(sink.bytes, sink.at, lastStreamId, code, debugText));
  }

  rstStream(streamId: number, code: ErrorCode): void {
    const sink = this.#reserve(RST_STREAM_BYTES);
    sink.commit(writeRstStream(sink.bytes, sink.at, streamId, code));
  }

  windowUpdate(streamId: number, increment: number): void {
    const sink = this.#reserve(WINDOW_UPDATE_BYTES);
    sink.commit(writeWindowUpdate(sink.bytes, sink.at, streamId, increment));
  }

  /**
   * Room for a field block of at most `blockBytesMax` bytes with its frame headers. The encoder writes the
   * block into `sink.bytes` from the returned offset on; `headers` follows with its end.
   */
  beginHeaders(blockBytesMax: number): number {
    this.#sink.reserve(headersSize(blockBytesMax, this.#peer.maxFrameSize));
    return this.#sink.at + FRAME_HEADER_BYTES;
  }

  /** For the encoder between `beginHeaders` and `headers`. */
  get bytes(): Buffer {
    return this.#sink.bytes;
  }

  /** Returns how many bytes the frames have. */
  headers(blockEnd: number, streamId: number, isEndStream: boolean): number {
    const sink = this.#sink;
    const { maxFrameSize } = this.#peer;
    const { at } = sink;
    const end = frameHeaders(sink.bytes, at, blockEnd, streamId, maxFrameSize, isEndStream);
    sink.commit(end);
    return end - at;
  }

  /** A range of bytes as DATA frames of one quantum each. Returns how many frames. */
  data(streamId: number, bytes: Buffer, start: number, end: number): number {
    const frameSizeMax = Math.min(SEND_QUANTUM_BYTES, this.#peer.maxFrameSize);
    let count = 0;
    for (let from = start; from < end; from += frameSizeMax) {
      this.#dataFrame(streamId, bytes, from, Math.min(from + frameSizeMax, end), false);
      count += 1;
    }
    return count;
  }

  /** END_STREAM behind the DATA that was sent: on the last frame where that has not left yet. */
  endStream(streamId: number): void {
    const sink = this.#sink;
    const isLast =
      this.#dataStreamId === streamId &&
      this.#dataBytes === sink.bytes &&
      this.#dataEnd === sink.at;
    if (isLast) sink.bytes[this.#dataAt + FLAGS_AT] = FLAG_END_STREAM;
    else this.#dataFrame(streamId, sink.bytes, 0, 0, true);
    this.#dataBytes = undefined;
  }

  #dataFrame(
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void {
    const length = end - start;
    const sink = this.#reserve(length);
    const { at } = sink;
    const out = sink.bytes;
    const payload = writeDataHeader(out, at, streamId, length, isEndStream);
    if (length > 0) bytes.copy(out, payload, start, end);
    this.#dataBytes = out;
    this.#dataAt = at;
    this.#dataEnd = payload + length;
    this.#dataStreamId = streamId;
    sink.commit(payload + length);
  }

  #reserve(payloadBytes: number): FrameSink {
    this.#sink.reserve(FRAME_HEADER_BYTES + payloadBytes);
    return this.#sink;
  }
}
