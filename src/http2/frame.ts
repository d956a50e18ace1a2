/** Frame types, flags and sizes (RFC 9113 sections 4 and 6). */

/** Length, type, flags and stream identifier (section 4.1). */
export const FRAME_HEADER_BYTES = 9;

export const FRAME_DATA = 0x0;
export const FRAME_HEADERS = 0x1;
export const FRAME_PRIORITY = 0x2;
export const FRAME_RST_STREAM = 0x3;
export const FRAME_SETTINGS = 0x4;
export const FRAME_PUSH_PROMISE = 0x5;
export const FRAME_PING = 0x6;
export const FRAME_GOAWAY = 0x7;
export const FRAME_WINDOW_UPDATE = 0x8;
export const FRAME_CONTINUATION = 0x9;

/** On SETTINGS and PING. */
export const FLAG_ACK = 0x1;
/** On DATA and HEADERS. */
export const FLAG_END_STREAM = 0x1;
/** On HEADERS, PUSH_PROMISE and CONTINUATION. */
export const FLAG_END_HEADERS = 0x4;
/** On DATA, HEADERS and PUSH_PROMISE. */
export const FLAG_PADDED = 0x8;
/** On HEADERS. */
export const FLAG_PRIORITY = 0x20;

export const PRIORITY_BYTES = 5;
export const RST_STREAM_BYTES = 4;
export const SETTING_BYTES = 6;
export const PING_BYTES = 8;
/** Without debug data. */
export const GOAWAY_BYTES_MIN = 8;
export const WINDOW_UPDATE_BYTES = 4;

/** Largest stream identifier, window and window increment: 31 bits (sections 5.1.1 and 6.9.1). */
export const UINT31_MAX = 0x7fff_ffff;

/** Four bytes as an unsigned number. */
export function readUint32(bytes: Buffer, at: number): number {
  return readUint31(bytes, at) + (bytes[at]! >= 0x80 ? 0x8000_0000 : 0);
}

/** Four bytes without the first bit, which is reserved and ignored (sections 4.1, 6.6, 6.8, 6.9). */
export function readUint31(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  );
}
