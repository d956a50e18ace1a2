import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { frame, opening, recordFrames, uint32 } from "../../test/support/http2-frame-recorder.ts";
import { FIELD_BLOCK_BYTES_MAX } from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
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
} from "./frame.ts";
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
import { MAX_FRAME_SIZE_DEFAULT } from "./settings.ts";

const AT = 5;

/** What `write` puts at an offset: it must touch nothing else, and refuse a buffer one byte shorter. */
function written(write: (out: Buffer, at: number) => number): Buffer {
  const out = Buffer.alloc(256, 0xee);
  const end = write(out, AT);
  assert.ok(out.subarray(0, AT).every((byte) => byte === 0xee));
  assert.ok(out.subarray(end).every((byte) => byte === 0xee));
  assert.throws(() => write(Buffer.alloc(end - 1), AT), /invariant broken/);
  write(Buffer.alloc(end), AT);
  return out.subarray(AT, end);
}

function framed(block: string, frameSizeMax: number, isEndStream: boolean): Buffer {
  const size = headersSize(block.length, frameSizeMax);
  const out = Buffer.alloc(AT + size + AT, 0xee);
  const end = AT + FRAME_HEADER_BYTES + out.write(block, AT + FRAME_HEADER_BYTES, "latin1");
  const next = frameHeaders(out, AT, end, 7, frameSizeMax, isEndStream);
  assert.equal(next, AT + size);
  assert.ok(out.subarray(0, AT).every((byte) => byte === 0xee));
  assert.ok(out.subarray(next).every((byte) => byte === 0xee));
  return out.subarray(AT, next);
}

describe("frame writer", () => {
  it("writes each frame as RFC 9113 section 6 lays it out", () => {
    const bytes = Buffer.from("..12345678..");
    assert.deepEqual(
      written((out, at) => writeRstStream(out, at, 0x7fff_ffff, 0xffff_fffe)),
      frame(FRAME_RST_STREAM, 0, 0x7fff_ffff, uint32(0xffff_fffe)),
    );
    assert.deepEqual(
      written((out, at) => writeSettings(out, at, [0x3, 100, 0xfff0, 0xffff_ffff])),
      frame(FRAME_SETTINGS, 0, 0, "\0\x03\0\0\0\x64\xff\xf0\xff\xff\xff\xff"),
    );
    assert.deepEqual(
      written((out, at) => writeSettings(out, at, [])),
      frame(FRAME_SETTINGS, 0, 0),
    );
    assert.deepEqual(written(writeSettingsAck), frame(FRAME_SETTINGS, FLAG_ACK, 0));
    assert.deepEqual(
      written((out, at) => writePing(out, at, bytes, 2)),
      frame(FRAME_PING, 0, 0, "12345678"),
    );
    assert.deepEqual(
      written((out, at) => writePingAck(out, at, bytes, 2)),
      frame(FRAME_PING, FLAG_ACK, 0, "12345678"),
    );
    assert.deepEqual(
      written((out, at) => writeGoaway(out, at, 0x7fff_ffff, ERROR_CODE.enhanceYourCalm, "why")),
      frame(FRAME_GOAWAY, 0, 0, "\x7f\xff\xff\xff\0\0\0\x0bwhy"),
    );
    assert.deepEqual(
      written((out, at) => writeWindowUpdate(out, at, 3, 0x7fff_ffff)),
      frame(FRAME_WINDOW_UPDATE, 0, 3, uint32(0x7fff_ffff)),
    );
    assert.deepEqual(
      written((out, at) => writeDataHeader(out, at, 3, 0x01_02_03, true)),
      frame(FRAME_DATA, FLAG_END_STREAM, 3, "", 0x01_02_03),
    );
    assert.deepEqual(
      written((out, at) => writeDataHeader(out, at, 3, 0, false)),
      frame(FRAME_DATA, 0, 3),
    );
  });

  it("puts a field block that fits into one HEADERS frame", () => {
    const flags = FLAG_END_HEADERS;
    assert.deepEqual(framed("abcd", 4, false), frame(FRAME_HEADERS, flags, 7, "abcd"));
    assert.deepEqual(framed("", 4, true), frame(FRAME_HEADERS, flags | FLAG_END_STREAM, 7));
  });

  it("moves a larger one apart for CONTINUATIONs (section 4.3)", () => {
    assert.deepEqual(
      framed("abcde", 4, true),
      Buffer.concat([
        frame(FRAME_HEADERS, FLAG_END_STREAM, 7, "abcd"),
        frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 7, "e"),
      ]),
    );
    assert.deepEqual(
      framed("abcdefghijkl", 4, false),
      Buffer.concat([
        frame(FRAME_HEADERS, 0, 7, "abcd"),
        frame(FRAME_CONTINUATION, 0, 7, "efgh"),
        frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 7, "ijkl"),
      ]),
    );
  });

  it("refuses to move a field block apart beyond its buffer", () => {
    const size = headersSize(5, 4);
    const end = FRAME_HEADER_BYTES + 5;
    assert.equal(frameHeaders(Buffer.alloc(size), 0, end, 7, 4, false), size);
    const short = Buffer.alloc(size - 1);
    assert.throws(() => frameHeaders(short, 0, end, 7, 4, false), /invariant broken/);
  });

  it("writes a field block of the largest size such that the decoder reads it", () => {
    const block = "0123456789abcdef".repeat(FIELD_BLOCK_BYTES_MAX / 16);
    const frames = framed(block, MAX_FRAME_SIZE_DEFAULT, true);
    const { events, error } = recordFrames("server", [opening("server"), frames]);
    assert.equal(error, "");
    const hex = Buffer.from(block, "latin1").toString("hex");
    assert.deepEqual(events.slice(1), [["headers", 7, hex, true]]);
  });
});
