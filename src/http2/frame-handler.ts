/**
 * What the frame decoder calls. Ranges of bytes are valid only during the call. Frames that are wrong by
 * themselves never arrive here; whether a stream is in a state to receive them is the handler's business.
 */

export interface FrameHandler {
  /**
   * A DATA frame begins. `flowBytes` is its whole length, which flow control counts (RFC 9113 section
   * 6.1); `dataBytes` of them will come by `onData`, the rest is padding. Both may be 0.
   */
  onDataFrame(streamId: number, flowBytes: number, dataBytes: number): void;
  /**
   * Part of the DATA frame that began last, as it arrived. `isEndStream` comes with the frame's last
   * part; the range is empty where the frame has no data or its end came in another read.
   */
  onData(streamId: number, bytes: Buffer, start: number, end: number, isEndStream: boolean): void;
  /** A complete field block. It must be decoded even when its stream is not wanted (section 4.3). */
  onHeaders(
    streamId: number,
    block: Buffer,
    start: number,
    end: number,
    isEndStream: boolean,
  ): void;
  /** A complete field block of a push. Clients alone: a server's decoder refuses it. */
  onPushPromise(
    streamId: number,
    promisedStreamId: number,
    block: Buffer,
    start: number,
    end: number,
  ): void;
  /** A fragment of a field block without a byte that does not end the block, to be counted (T16, CVE-2019-9518). */
  onEmptyFragment(streamId: number): void;
  /** `code` is any 32-bit number. */
  onRstStream(streamId: number, code: number): void;
  /** The payload, a multiple of 6 bytes long, for `Settings.apply`. To be acknowledged. */
  onSettings(bytes: Buffer, start: number, end: number): void;
  onSettingsAck(): void;
  /** 8 bytes from `start` on. To be answered. */
  onPing(bytes: Buffer, start: number): void;
  onPingAck(bytes: Buffer, start: number): void;
  /** `code` is any 32-bit number, the range is debug data. */
  onGoaway(lastStreamId: number, code: number, bytes: Buffer, start: number, end: number): void;
  /** `streamId` is 0 for the connection's window. `increment` is 1 to 2^31-1. */
  onWindowUpdate(streamId: number, increment: number): void;
  /** PRIORITY (section 5.3) or a frame of unknown type (section 5.5): dropped, to be counted (T16). */
  onIgnoredFrame(type: number, payloadBytes: number): void;
  /** A stream error (section 5.4.2): the stream is to be reset. `error` is a FRAME_ERROR number. */
  onStreamError(streamId: number, error: number): void;
}
