/**
 * Settings of a connection (RFC 9113 section 6.5, RFC 8441 section 3): what a peer announced, checked
 * value by value, and what this side announces.
 */
import {
  FRAME_SIZE_BYTES_MAX,
  HEAD_SIZE_BYTES_MAX,
  SETTINGS_PER_FRAME_MAX,
} from "../core/limits.ts";
import { readUint32, SETTING_BYTES, UINT31_MAX } from "./frame.ts";
import { FRAME_ERROR, FRAME_OK } from "./frame-error.ts";

/** Which side of a connection an endpoint is. */
export type Role = "client" | "server";

export const SETTING = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  /** RFC 8441. */
  enableConnectProtocol: 0x8,
} as const;

/** Values before a peer's SETTINGS have come (section 6.5.2). */
export const HEADER_TABLE_SIZE_DEFAULT = 4_096;
export const INITIAL_WINDOW_SIZE_DEFAULT = 65_535;
/** The default and the least (section 4.2). */
export const MAX_FRAME_SIZE_DEFAULT = 16_384;
export const MAX_FRAME_SIZE_MOST = 16_777_215;

export interface AnnouncedSettings {
  readonly maxConcurrentStreams: number;
  readonly initialStreamWindowBytes: number;
  readonly allowsConnect: boolean;
}

/** What a server announces: identifiers and values in turn, as `writeSettings` takes them. */
export function serverSettings(own: AnnouncedSettings): readonly number[] {
  return [
    ...[SETTING.maxConcurrentStreams, own.maxConcurrentStreams],
    ...commonSettings(own),
    ...(own.allowsConnect ? [SETTING.enableConnectProtocol, 1] : []),
  ];
}

/** What a client announces. Without push a server has no streams of its own. */
export function clientSettings(own: AnnouncedSettings): readonly number[] {
  return [...[SETTING.enablePush, 0], ...commonSettings(own)];
}

function commonSettings(own: AnnouncedSettings): readonly number[] {
  return [
    ...[SETTING.initialWindowSize, own.initialStreamWindowBytes],
    ...[SETTING.maxFrameSize, FRAME_SIZE_BYTES_MAX],
    ...[SETTING.maxHeaderListSize, HEAD_SIZE_BYTES_MAX],
  ];
}

/** A peer's values. Unlimited ones are Infinity until the peer gives a number. */
export class Settings {
  readonly #isOfServer: boolean;
  headerTableSize = HEADER_TABLE_SIZE_DEFAULT;
  /** The least table size in the last frame: an encoder tells it first when it changed twice (RFC 7541 section 4.2). */
  headerTableSizeLeast = HEADER_TABLE_SIZE_DEFAULT;
  isPushEnabled = true;
  maxConcurrentStreams = Infinity;
  initialWindowSize = INITIAL_WINDOW_SIZE_DEFAULT;
  maxFrameSize = MAX_FRAME_SIZE_DEFAULT;
  maxHeaderListSize = Infinity;
  isConnectProtocolEnabled = false;

  /** `sender` is the peer that announces the values. */
  constructor(sender: Role) {
    this.#isOfServer = sender === "server";
  }

  /**
   * Takes over the payload of a SETTINGS frame, whose length is a multiple of 6. Returns FRAME_OK or a
   * FRAME_ERROR number, a connection error; values before the wrong one are taken over then.
   */
  apply(bytes: Buffer, start: number, end: number): number {
    if (end - start > SETTINGS_PER_FRAME_MAX * SETTING_BYTES) return FRAME_ERROR.tooManySettings;
    this.headerTableSizeLeast = this.headerTableSize;
    for (let at = start; at < end; at += SETTING_BYTES) {
      // Values are processed in their order (section 6.5.3).
      const id = (bytes[at]! << 8) | bytes[at + 1]!;
      const error = this.#set(id, readUint32(bytes, at + 2));
      if (error !== FRAME_OK) return error;
    }
    return FRAME_OK;
  }

  #set(id: number, value: number): number {
    switch (id) {
      case SETTING.headerTableSize:
        this.headerTableSize = value;
        this.headerTableSizeLeast = Math.min(this.headerTableSizeLeast, value);
        return FRAME_OK;
      case SETTING.enablePush:
        if (value > 1) return FRAME_ERROR.settingNotBoolean;
        // Section 6.5.2: a client must not accept 1 from a server.
        if (value === 1 && this.#isOfServer) return FRAME_ERROR.pushEnabledByServer;
        this.isPushEnabled = value === 1;
        return FRAME_OK;
      case SETTING.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return FRAME_OK;
      case SETTING.initialWindowSize:
        if (value > UINT31_MAX) return FRAME_ERROR.initialWindowTooLarge;
        this.initialWindowSize = value;
        return FRAME_OK;
      case SETTING.maxFrameSize:
        if (value < MAX_FRAME_SIZE_DEFAULT || value > MAX_FRAME_SIZE_MOST) {
          return FRAME_ERROR.maxFrameSizeInvalid;
        }
        this.maxFrameSize = value;
        return FRAME_OK;
      case SETTING.maxHeaderListSize:
        this.maxHeaderListSize = value;
        return FRAME_OK;
      case SETTING.enableConnectProtocol:
        if (value > 1) return FRAME_ERROR.settingNotBoolean;
        // RFC 8441 section 3: never 0 after 1.
        if (value === 0 && this.isConnectProtocolEnabled) {
          return FRAME_ERROR.connectProtocolWithdrawn;
        }
        this.isConnectProtocolEnabled = value === 1;
        return FRAME_OK;
      default:
        // Section 6.5.2: unknown settings are ignored.
        return FRAME_OK;
    }
  }
}
