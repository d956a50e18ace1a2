/**
 * Why frames were refused. The decoder returns numbers on the hot path; this table gives each the
 * code of RFC 9113 section 7 that the peer is told and a sentence for logs and GOAWAY's debug data.
 */
import { FIELD_BLOCK_CONTINUATIONS_MAX, SETTINGS_PER_FRAME_MAX } from "../core/limits.ts";
import { ERROR_CODE, type ErrorCode } from "./error-code.ts";

/** Nothing was wrong. Errors are below. */
export const FRAME_OK = 0;

export interface FrameErrorInfo {
  readonly code: ErrorCode;
  readonly reason: string;
}

const { protocolError, frameSizeError, flowControlError, enhanceYourCalm } = ERROR_CODE;

const ERRORS = {
  prefaceInvalid: [protocolError, "the connection does not begin with the client's preface"],
  settingsNotFirst: [protocolError, "the first frame is not SETTINGS"],
  frameTooLarge: [frameSizeError, "a frame is longer than SETTINGS_MAX_FRAME_SIZE"],
  frameTooShort: [frameSizeError, "a frame is too short for its mandatory fields"],
  streamMissing: [protocolError, "a frame that belongs to a stream came on stream 0"],
  streamUnexpected: [protocolError, "a frame of the connection came on a stream"],
  paddingTooLong: [protocolError, "the padding is longer than the frame"],
  prioritySizeInvalid: [frameSizeError, "a PRIORITY frame is not 5 bytes long"],
  rstStreamSizeInvalid: [frameSizeError, "an RST_STREAM frame is not 4 bytes long"],
  settingsSizeInvalid: [frameSizeError, "the length of a SETTINGS frame is no multiple of 6"],
  settingsAckSizeInvalid: [frameSizeError, "a SETTINGS acknowledgement is not empty"],
  tooManySettings: [
    enhanceYourCalm,
    `a SETTINGS frame has more than ${SETTINGS_PER_FRAME_MAX} settings`,
  ],
  settingNotBoolean: [protocolError, "a setting that is 0 or 1 has another value"],
  pushEnabledByServer: [protocolError, "a server sent SETTINGS_ENABLE_PUSH with 1"],
  connectProtocolWithdrawn: [protocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL went from 1 to 0"],
  initialWindowTooLarge: [flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1"],
  maxFrameSizeInvalid: [protocolError, "SETTINGS_MAX_FRAME_SIZE is not in 2^14 to 2^24-1"],
  pingSizeInvalid: [frameSizeError, "a PING frame is not 8 bytes long"],
  windowUpdateSizeInvalid: [frameSizeError, "a WINDOW_UPDATE frame is not 4 bytes long"],
  windowIncrementZero: [protocolError, "the increment of a WINDOW_UPDATE is 0"],
  pushByClient: [protocolError, "a client sent PUSH_PROMISE"],
  promisedStreamInvalid: [protocolError, "a promised stream is not a server's"],
  continuationUnexpected: [protocolError, "CONTINUATION does not follow an open field block"],
  fieldBlockInterrupted: [protocolError, "a field block was interrupted by another frame"],
  fieldBlockTooLarge: [enhanceYourCalm, "a field block is larger than 64 KiB"],
  tooManyContinuations: [
    enhanceYourCalm,
    `a field block has more than ${FIELD_BLOCK_CONTINUATIONS_MAX} CONTINUATION frames`,
  ],
} as const satisfies Record<string, readonly [ErrorCode, string]>;

export type FrameErrorName = keyof typeof ERRORS;

const NAMES = Object.keys(ERRORS) as FrameErrorName[];

/** Numbers below FRAME_OK, one for each error. */
export const FRAME_ERROR = Object.fromEntries(
  NAMES.map((name, index) => [name, -1 - index]),
) as Readonly<Record<FrameErrorName, number>>;

const INFOS: readonly FrameErrorInfo[] = NAMES.map((name) => ({
  code: ERRORS[name][0],
  reason: ERRORS[name][1],
}));

/** Throws a RangeError for a number that is none of FRAME_ERROR. */
export function frameErrorInfo(error: number): FrameErrorInfo {
  const info = INFOS[-1 - error];
  if (info === undefined) throw new RangeError(`not a frame error: ${error}`);
  return info;
}
