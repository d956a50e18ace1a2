/**
 * Writes frames into a buffer that the caller owns, from an offset on; every function returns the offset
 * behind the frame. Nothing is allocated. Each throws when the buffer is too small, which breaks an
 * invariant of the caller: the room that a frame needs is known before.
 */
import { assert } from "../core/assert.ts";
import type { ErrorCode } from "./error-code.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
  GOAWAY_BYTES_MIN,
  PING_BYTES,
  RST_STREAM_BYTES,
  SETTING_BYTES,
  WINDOW_UPDATE_BYTES,
} from "./frame.ts";

/** The header of a frame whose payload of `length` bytes the caller writes behind it (RFC 9113 section 4.1). */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  assert(at + FRAME_HEADER_BYTES <= out.length, "a frame's header has room");
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  writeUint32(out, at + 5, streamId);
  return at + FRAME_HEADER_BYTES;
}

/** The header of a DATA frame without padding. The payload may leave from another buffer. */
export function writeDataHeader(
  out: Buffer,
  at: number,
  streamId: number,
  length: number,
  isEndStream: boolean,
): number {
  const flags = isEndStream ? FLAG_END_STREAM : 0;
  return writeFrameHeader(out, at, length, FRAME_DATA, flags, streamId);
}

/** Bytes that a field block takes as HEADERS with the CONTINUATIONs that `frameSizeMax` demands. */
export function headersSize(blockBytes: number, frameSizeMax: number): number {
  const frameCount = Math.max(1, Math.ceil(blockBytes / frameSizeMax));
  return blockBytes + frameCount * FRAME_HEADER_BYTES;
}

/**
 * Frames a field block that already stands in `out`, from `at + FRAME_HEADER_BYTES` to `end`: an encoder
 * writes it there, so that the usual block is not copied. One longer than `frameSizeMax`, the peer's
 * SETTINGS_MAX_FRAME_SIZE, is moved apart in place for its CONTINUATIONs (section 4.3); `out` must have
 * room for `headersSize` bytes from `at` on.
 */
export function frameHeaders(
  out: Buffer,
  at: number,
  end: number,
  streamId: number,
  frameSizeMax: number,
  isEndStream: boolean,
): number {
  const start = at + FRAME_HEADER_BYTES;
  const length = end - start;
  const flags = isEndStream ? FLAG_END_STREAM : 0;
  if (length <= frameSizeMax) {
    writeFrameHeader(out, at, length, FRAME_HEADERS, flags | FLAG_END_HEADERS, streamId);
    return end;
  }
  const size = headersSize(length, frameSizeMax);
  assert(at + size <= out.length, "a field block has room for its CONTINUATIONs");
  const last = Math.ceil(length / frameSizeMax) - 1;
  // From the back, so that no fragment is overwritten before it moved.
  for (let i = last; i > 0; i--) {
    const from = start + i * frameSizeMax;
    const to = Math.min(from + frameSizeMax, end);
    const header = from + (i - 1) * FRAME_HEADER_BYTES;
    out.copyWithin(header + FRAME_HEADER_BYTES, from, to);
    const continuationFlags = i === last ? FLAG_END_HEADERS : 0;
    writeFrameHeader(out, header, to - from, FRAME_CONTINUATION, continuationFlags, streamId);
  }
  writeFrameHeader(out, at, frameSizeMax, FRAME_HEADERS, flags, streamId);
  return at + size;
}

/** Section 6.4. */
export function writeRstStream(out: Buffer, at: number, streamId: number, code: number): number {
  assert(at + FRAME_HEADER_BYTES + RST_STREAM_BYTES <= out.length, "RST_STREAM has room");
  const payload = writeFrameHeader(out, at, RST_STREAM_BYTES, FRAME_RST_STREAM, 0, streamId);
  return writeUint32(out, payload, code);
}

/** Section 6.5. `settings` are identifiers and values in turn. */
export function writeSettings(out: Buffer, at: number, settings: readonly number[]): number {
  const length = (settings.length / 2) * SETTING_BYTES;
  assert(at + FRAME_HEADER_BYTES + length <= out.length, "SETTINGS has room");
  let next = writeFrameHeader(out, at, length, FRAME_SETTINGS, 0, 0);
  for (let i = 0; i < settings.length; i += 2) {
    const id = settings[i]!;
    out[next] = id >>> 8;
    out[next + 1] = id;
    next = writeUint32(out, next + 2, settings[i + 1]!);
  }
  return next;
}

export function writeSettingsAck(out: Buffer, at: number): number {
  return writeFrameHeader(out, at, 0, FRAME_SETTINGS, FLAG_ACK, 0);
}

/** Section 6.7. The payload is the 8 bytes of `bytes` from `start` on. */
export function writePing(out: Buffer, at: number, bytes: Buffer, start: number): number {
  return writePingFrame(out, at, 0, bytes, start);
}

/** The answer to a PING with these 8 bytes. */
export function writePingAck(out: Buffer, at: number, bytes: Buffer, start: number): number {
  return writePingFrame(out, at, FLAG_ACK, bytes, start);
}

/** Section 6.8. `debugText` is Latin-1 and goes to the peer as debug data: nothing secret. */
export function writeGoaway(
  out: Buffer,
  at: number,
  lastStreamId: number,
  code: ErrorCode,
  debugText: string,
): number {
  const length = GOAWAY_BYTES_MIN + debugText.length;
  assert(at + FRAME_HEADER_BYTES + length <= out.length, "GOAWAY has room");
  const payload = writeFrameHeader(out, at, length, FRAME_GOAWAY, 0, 0);
  const debug = writeUint32(out, writeUint32(out, payload, lastStreamId), code);
  return debug + out.write(debugText, debug, "latin1");
}

/** Section 6.9. `streamId` is 0 for the connection's window; `increment` is 1 to 2^31-1. */
export function writeWindowUpdate(
  out: Buffer,
  at: number,
  streamId: number,
  increment: number,
): number {
  assert(at + FRAME_HEADER_BYTES + WINDOW_UPDATE_BYTES <= out.length, "WINDOW_UPDATE has room");
  const payload = writeFrameHeader(out, at, WINDOW_UPDATE_BYTES, FRAME_WINDOW_UPDATE, 0, streamId);
  return writeUint32(out, payload, increment);
}

function writePingFrame(
  out: Buffer,
  at: number,
  flags: number,
  bytes: Buffer,
  start: number,
): number {
  assert(at + FRAME_HEADER_BYTES + PING_BYTES <= out.length, "PING has room");
  const payload = writeFrameHeader(out, at, PING_BYTES, FRAME_PING, flags, 0);
  for (let i = 0; i < PING_BYTES; i++) out[payload + i] = bytes[start + i]!;
  return payload + PING_BYTES;
}

function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}
