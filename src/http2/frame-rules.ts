/** What a frame's header tells to be wrong before its payload is read (RFC 9113 sections 4.2 and 6). */
import { FRAME_SIZE_BYTES_MAX } from "../core/limits.ts";
import {
  FLAG_ACK,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
  GOAWAY_BYTES_MIN,
  PING_BYTES,
  PRIORITY_BYTES,
  RST_STREAM_BYTES,
  SETTING_BYTES,
  WINDOW_UPDATE_BYTES,
} from "./frame.ts";
import { FRAME_ERROR, FRAME_OK } from "./frame-error.ts";

/** Of the promised stream's identifier (section 6.6). */
const PROMISED_STREAM_BYTES = 4;

/** Returns FRAME_OK or a FRAME_ERROR number. Only `prioritySizeInvalid` is an error of the stream alone. */
export function judgeFrameHeader(
  type: number,
  flags: number,
  streamId: number,
  length: number,
): number {
  // Section 4.2. On a stream a connection error is allowed as well (section 5.4.2): nothing this long is read.
  if (length > FRAME_SIZE_BYTES_MAX) return FRAME_ERROR.frameTooLarge;
  switch (type) {
    case FRAME_DATA:
    case FRAME_HEADERS:
    case FRAME_PUSH_PROMISE:
    case FRAME_CONTINUATION:
      // Sections 6.1, 6.2, 6.6 and 6.10.
      if (streamId === 0) return FRAME_ERROR.streamMissing;
      return length < mandatoryBytes(type, flags) ? FRAME_ERROR.frameTooShort : FRAME_OK;
    case FRAME_PRIORITY:
      // Section 6.3.
      if (streamId === 0) return FRAME_ERROR.streamMissing;
      return length === PRIORITY_BYTES ? FRAME_OK : FRAME_ERROR.prioritySizeInvalid;
    case FRAME_RST_STREAM:
      // Section 6.4.
      if (streamId === 0) return FRAME_ERROR.streamMissing;
      return length === RST_STREAM_BYTES ? FRAME_OK : FRAME_ERROR.rstStreamSizeInvalid;
    case FRAME_SETTINGS:
      return judgeSettings(flags, streamId, length);
    case FRAME_PING:
      // Section 6.7.
      if (streamId !== 0) return FRAME_ERROR.streamUnexpected;
      return length === PING_BYTES ? FRAME_OK : FRAME_ERROR.pingSizeInvalid;
    case FRAME_GOAWAY:
      // Section 6.8.
      if (streamId !== 0) return FRAME_ERROR.streamUnexpected;
      return length >= GOAWAY_BYTES_MIN ? FRAME_OK : FRAME_ERROR.frameTooShort;
    case FRAME_WINDOW_UPDATE:
      // Section 6.9.
      return length === WINDOW_UPDATE_BYTES ? FRAME_OK : FRAME_ERROR.windowUpdateSizeInvalid;
    default:
      return FRAME_OK;
  }
}

/** Bytes before a frame's data or field block fragment. */
export function mandatoryBytes(type: number, flags: number): number {
  if (type === FRAME_CONTINUATION) return 0;
  let bytes = (flags & FLAG_PADDED) === 0 ? 0 : 1;
  if (type === FRAME_HEADERS && (flags & FLAG_PRIORITY) !== 0) bytes += PRIORITY_BYTES;
  if (type === FRAME_PUSH_PROMISE) bytes += PROMISED_STREAM_BYTES;
  return bytes;
}

/** Section 6.5. */
function judgeSettings(flags: number, streamId: number, length: number): number {
  if (streamId !== 0) return FRAME_ERROR.streamUnexpected;
  if ((flags & FLAG_ACK) !== 0) {
    return length === 0 ? FRAME_OK : FRAME_ERROR.settingsAckSizeInvalid;
  }
  return length % SETTING_BYTES === 0 ? FRAME_OK : FRAME_ERROR.settingsSizeInvalid;
}
