import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorName } from "../../test/support/http2-frame-recorder.ts";
import {
  CONCURRENT_STREAMS_MAX,
  FRAME_SIZE_BYTES_MAX,
  SETTINGS_PER_FRAME_MAX,
  STREAM_WINDOW_BYTES,
} from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { frameErrorInfo } from "./frame-error.ts";
import { writeSettings } from "./frame-writer.ts";
import {
  clientSettings,
  MAX_FRAME_SIZE_DEFAULT,
  type Role,
  SETTING,
  Settings,
  serverSettings,
} from "./settings.ts";

const OWN = {
  maxConcurrentStreams: CONCURRENT_STREAMS_MAX,
  initialStreamWindowBytes: STREAM_WINDOW_BYTES,
  allowsConnect: true,
};
const { enablePush, enableConnectProtocol, headerTableSize } = SETTING;
const { initialWindowSize, maxFrameSize, maxConcurrentStreams, maxHeaderListSize } = SETTING;

function apply(settings: Settings, values: readonly number[]): number {
  const bytes = Buffer.alloc(1024);
  const end = writeSettings(bytes, 1, values);
  // A wrong setting behind the payload is not the frame's.
  bytes.set([0, SETTING.enablePush, 0, 0, 0, 9], end);
  return settings.apply(bytes, 1 + FRAME_HEADER_BYTES, end);
}

function errorOf(sender: Role, ...values: readonly number[]): string {
  return errorName(apply(new Settings(sender), values));
}

describe("Settings (RFC 9113 section 6.5.2)", () => {
  it("begin with the RFC's values", () => {
    const settings = new Settings("server");
    assert.deepEqual(
      { ...settings },
      {
        headerTableSize: 4096,
        headerTableSizeLeast: 4096,
        isPushEnabled: true,
        maxConcurrentStreams: Infinity,
        initialWindowSize: 65_535,
        maxFrameSize: 16_384,
        maxHeaderListSize: Infinity,
        isConnectProtocolEnabled: false,
      },
    );
  });

  it("take over what a peer announces, and ignore what is unknown", () => {
    const settings = new Settings("client");
    const values = [
      ...[headerTableSize, 0xffff_ffff, enablePush, 0, maxConcurrentStreams, 0],
      ...[initialWindowSize, 0x7fff_ffff, maxFrameSize, 0xff_ffff, maxHeaderListSize, 7],
      ...[enableConnectProtocol, 1, 0x7, 3, 0x9, 9, 0xffff, 0xffff_ffff],
    ];
    assert.equal(errorName(apply(settings, values)), "");
    assert.deepEqual(
      { ...settings },
      {
        headerTableSize: 0xffff_ffff,
        headerTableSizeLeast: 4096,
        isPushEnabled: false,
        maxConcurrentStreams: 0,
        initialWindowSize: 0x7fff_ffff,
        maxFrameSize: 0xff_ffff,
        maxHeaderListSize: 7,
        isConnectProtocolEnabled: true,
      },
    );
  });

  it("process values in their order: the last counts", () => {
    const settings = new Settings("client");
    apply(settings, [initialWindowSize, 1, initialWindowSize, 2]);
    assert.equal(settings.initialWindowSize, 2);
  });

  it("remember the least table size of the last frame (RFC 7541 section 4.2)", () => {
    const settings = new Settings("client");
    apply(settings, [headerTableSize, 0, headerTableSize, 2048]);
    assert.equal(settings.headerTableSizeLeast, 0);
    assert.equal(settings.headerTableSize, 2048);
    apply(settings, [headerTableSize, 8192]);
    assert.equal(settings.headerTableSizeLeast, 2048);
    assert.equal(settings.headerTableSize, 8192);
  });

  it("refuse an ENABLE_PUSH that is not 0 or 1, and 1 from a server", () => {
    assert.equal(errorOf("client", enablePush, 2), "settingNotBoolean");
    assert.equal(errorOf("client", enablePush, 1), "");
    assert.equal(errorOf("server", enablePush, 0), "");
    assert.equal(errorOf("server", enablePush, 1), "pushEnabledByServer");
  });

  it("refuse an INITIAL_WINDOW_SIZE above 2^31-1 with FLOW_CONTROL_ERROR", () => {
    const error = apply(new Settings("client"), [initialWindowSize, 0x8000_0000]);
    assert.equal(errorName(error), "initialWindowTooLarge");
    assert.equal(frameErrorInfo(error).code, ERROR_CODE.flowControlError);
  });

  it("refuse a MAX_FRAME_SIZE outside of 2^14 to 2^24-1", () => {
    assert.equal(errorOf("client", maxFrameSize, 16_383), "maxFrameSizeInvalid");
    assert.equal(errorOf("client", maxFrameSize, 16_384), "");
    assert.equal(errorOf("client", maxFrameSize, 0x100_0000), "maxFrameSizeInvalid");
  });

  it("refuse an ENABLE_CONNECT_PROTOCOL that is not 0 or 1, or 0 after 1 (RFC 8441 section 3)", () => {
    assert.equal(errorOf("server", enableConnectProtocol, 2), "settingNotBoolean");
    assert.equal(errorOf("server", enableConnectProtocol, 0, enableConnectProtocol, 1), "");
    const withdrawn = [enableConnectProtocol, 1, enableConnectProtocol, 0];
    assert.equal(errorOf("server", ...withdrawn), "connectProtocolWithdrawn");
  });

  it("refuse more than 32 in a frame (T16)", () => {
    const values = Array<number[]>(SETTINGS_PER_FRAME_MAX).fill([0x99, 0]).flat();
    assert.equal(errorOf("client", ...values), "");
    assert.equal(errorOf("client", ...values, 0x99, 0), "tooManySettings");
  });

  it("of our own are such as a peer accepts", () => {
    assert.equal(errorOf("server", ...serverSettings(OWN)), "");
    assert.equal(errorOf("client", ...clientSettings(OWN)), "");
    assert.ok(FRAME_SIZE_BYTES_MAX >= MAX_FRAME_SIZE_DEFAULT);
  });
});
