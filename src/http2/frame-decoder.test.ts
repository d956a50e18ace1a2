import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertConnectionError, assertRead, hex } from "../../test/support/http2-frame-checks.ts";
import {
  errorName,
  FrameRecorder,
  frame,
  opening,
  recordFrames,
  uint32,
} from "../../test/support/http2-frame-recorder.ts";
import { FRAME_SIZE_BYTES_MAX } from "../core/limits.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
} from "./frame.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { FRAME_OK } from "./frame-error.ts";
import type { FrameHandler } from "./frame-handler.ts";
import { CLIENT_PREFACE } from "./preface.ts";

const UNKNOWN = 0xbe;

describe("the connection preface (RFC 9113 section 3.4)", () => {
  it("is what a client begins with, and a server does not", () => {
    assertRead([], [], "server");
    assertRead([], [], "client");
  });

  it("is refused at the first byte that differs", () => {
    for (let at = 0; at < CLIENT_PREFACE.length; at++) {
      const bytes = Buffer.from(CLIENT_PREFACE);
      bytes[at]! ^= 0x20;
      assert.equal(recordFrames("server", [bytes.subarray(0, at)]).error, "");
      assert.equal(recordFrames("server", [bytes.subarray(0, at + 1)]).error, "prefaceInvalid");
    }
  });

  it("is followed by SETTINGS that are no acknowledgement", () => {
    for (const role of ["client", "server"] as const) {
      const start = role === "server" ? CLIENT_PREFACE : Buffer.alloc(0);
      for (const first of [
        frame(FRAME_PING, 0, 0, "12345678"),
        frame(FRAME_SETTINGS, FLAG_ACK, 0),
        frame(FRAME_PRIORITY, 0, 1, "12345"),
        frame(UNKNOWN, 0, 0),
      ]) {
        const recorded = recordFrames(role, [Buffer.concat([start, first])]);
        assert.deepEqual(recorded.events, []);
        assert.equal(recorded.error, "settingsNotFirst");
      }
    }
  });
});

describe("the frame header (sections 4.1 and 4.2)", () => {
  it("has a reserved bit that is ignored", () => {
    const ping = frame(FRAME_PING, 0, 0x8000_0000, "12345678");
    assertRead([ping], [["ping", hex("12345678")]]);
    const reset = frame(FRAME_RST_STREAM, 0, 0xffff_ffff, uint32(8));
    assertRead([reset], [["reset", 0x7fff_ffff, 8]]);
  });

  it("may have flags that the type does not define", () => {
    assertRead([frame(FRAME_RST_STREAM, 0xff, 1, uint32(0))], [["reset", 1, 0]]);
    assertRead([frame(FRAME_PING, 0xfe, 0, "12345678")], [["ping", hex("12345678")]]);
    const window = frame(FRAME_WINDOW_UPDATE, 0xff, 0, uint32(1));
    assertRead([window], [["window update", 0, 1]]);
  });

  it("must not announce more than SETTINGS_MAX_FRAME_SIZE, whatever the type", () => {
    for (const type of [FRAME_DATA, FRAME_HEADERS, FRAME_SETTINGS, FRAME_GOAWAY, UNKNOWN]) {
      const streamId = type === FRAME_DATA || type === FRAME_HEADERS ? 1 : 0;
      const long = frame(type, 0, streamId, "", FRAME_SIZE_BYTES_MAX + 1);
      assertConnectionError([long], "frameTooLarge");
      assertConnectionError([frame(type, 0, streamId, "", 0xff_ffff)], "frameTooLarge");
    }
    const data = Buffer.alloc(FRAME_SIZE_BYTES_MAX, "x");
    const event = ["data", 1, data.length, data.length, data.toString("hex"), false];
    assertRead([frame(FRAME_DATA, 0, 1, data)], [event]);
  });
});

describe("DATA (section 6.1)", () => {
  it("tells its length to flow control, padding included", () => {
    assertRead([frame(FRAME_DATA, 0, 1, "abc")], [["data", 1, 3, 3, hex("abc"), false]]);
    const padded = frame(FRAME_DATA, FLAG_PADDED, 1, "\x02abc\0\0");
    assertRead([padded], [["data", 1, 6, 3, hex("abc"), false]]);
    const onlyPadding = frame(FRAME_DATA, FLAG_PADDED, 1, "\x02\0\0");
    assertRead([onlyPadding], [["data", 1, 3, 0, "", false]]);
    assertRead([frame(FRAME_DATA, FLAG_PADDED, 1, "\0")], [["data", 1, 1, 0, "", false]]);
    assertRead([frame(FRAME_DATA, 0, 1)], [["data", 1, 0, 0, "", false]]);
  });

  it("may hold padding that is not zero", () => {
    const padded = frame(FRAME_DATA, FLAG_PADDED, 1, "\x02abcxy");
    assertRead([padded], [["data", 1, 6, 3, hex("abc"), false]]);
  });

  it("ends its stream once, behind the padding", () => {
    const end = FLAG_END_STREAM;
    assertRead([frame(FRAME_DATA, end, 1, "abc")], [["data", 1, 3, 3, hex("abc"), true]]);
    assertRead([frame(FRAME_DATA, end, 1)], [["data", 1, 0, 0, "", true]]);
    const padded = frame(FRAME_DATA, end | FLAG_PADDED, 1, "\x02abc\0\0");
    assertRead([padded], [["data", 1, 6, 3, hex("abc"), true]]);
    const cut = Buffer.concat([opening("server"), padded.subarray(0, -1)]);
    assert.deepEqual(recordFrames("server", [cut]).events.at(-1), [
      ...["data", 1, 6, 3],
      ...[hex("abc"), false],
    ]);
    const onlyPadding = frame(FRAME_DATA, end | FLAG_PADDED, 1, "\x02\0\0");
    assertRead([onlyPadding], [["data", 1, 3, 0, "", true]]);
  });

  it("goes through without being kept", () => {
    const data = frame(FRAME_DATA, 0, 1, Buffer.alloc(10_000));
    const bytes = Buffer.concat([opening("server"), data]);
    const cut = opening("server").length + 9 + 100;
    const recorded = recordFrames("server", [bytes.subarray(0, cut), bytes.subarray(cut)]);
    assert.equal(recorded.keptBytesMax, 0);
  });

  it("is refused on stream 0, with too much padding and without the padding's length", () => {
    assertConnectionError([frame(FRAME_DATA, 0, 0, "a")], "streamMissing");
    assertConnectionError([frame(FRAME_DATA, FLAG_PADDED, 1, "\x03abc", 3)], "paddingTooLong");
    assertConnectionError([frame(FRAME_DATA, FLAG_PADDED, 1, "\x01")], "paddingTooLong");
    assertConnectionError([frame(FRAME_DATA, FLAG_PADDED, 1)], "frameTooShort");
  });
});

describe("HEADERS (section 6.2)", () => {
  it("gives its field block without padding and priority", () => {
    const flags = FLAG_END_HEADERS;
    assertRead([frame(FRAME_HEADERS, flags, 1, "abc")], [["headers", 1, hex("abc"), false]]);
    assertRead(
      [frame(FRAME_HEADERS, flags | FLAG_END_STREAM, 1, "abc")],
      [["headers", 1, hex("abc"), true]],
    );
    assertRead(
      [frame(FRAME_HEADERS, flags | FLAG_PADDED, 1, "\x02abc\0\0")],
      [["headers", 1, hex("abc"), false]],
    );
    assertRead(
      [frame(FRAME_HEADERS, flags | FLAG_PRIORITY, 1, "\0\0\0\0\x10abc")],
      [["headers", 1, hex("abc"), false]],
    );
    assertRead(
      [frame(FRAME_HEADERS, flags | FLAG_PADDED | FLAG_PRIORITY, 1, "\x02\0\0\0\0\x10abc\0\0")],
      [["headers", 1, hex("abc"), false]],
    );
    assertRead(
      [frame(FRAME_HEADERS, flags | FLAG_PADDED, 1, "\x02\0\0")],
      [["headers", 1, "", false]],
    );
  });

  it("is refused on stream 0, with too much padding and without its mandatory fields", () => {
    const flags = FLAG_END_HEADERS;
    assertConnectionError([frame(FRAME_HEADERS, flags, 0, "a")], "streamMissing");
    assertConnectionError(
      [frame(FRAME_HEADERS, flags | FLAG_PADDED, 1, "\x03ab")],
      "paddingTooLong",
    );
    assertConnectionError([frame(FRAME_HEADERS, flags | FLAG_PADDED, 1)], "frameTooShort");
    assertConnectionError(
      [frame(FRAME_HEADERS, flags | FLAG_PRIORITY, 1, "abcd")],
      "frameTooShort",
    );
    const both = flags | FLAG_PADDED | FLAG_PRIORITY;
    assertConnectionError([frame(FRAME_HEADERS, both, 1, "\0abcd")], "frameTooShort");
    assertConnectionError([frame(FRAME_HEADERS, both, 1, "\x01abcde")], "paddingTooLong");
  });
});

describe("frames with few rules", () => {
  it("PRIORITY is dropped, and wrong in length an error of its stream (section 6.3)", () => {
    const right = frame(FRAME_PRIORITY, 0, 1, "abcde");
    assertRead([right], [["ignored", FRAME_PRIORITY, 5]]);
    for (const length of [0, 4, 6]) {
      const wrong = frame(FRAME_PRIORITY, 0, 1, "x".repeat(length));
      assertRead(
        [wrong, right],
        [
          ["stream error", 1, "prioritySizeInvalid"],
          ["ignored", FRAME_PRIORITY, 5],
        ],
      );
    }
    assertConnectionError([frame(FRAME_PRIORITY, 0, 0, "abcde")], "streamMissing");
  });

  it("RST_STREAM has any code (section 6.4)", () => {
    assertRead([frame(FRAME_RST_STREAM, 0, 5, uint32(0xffff_fffe))], [["reset", 5, 0xffff_fffe]]);
    assertConnectionError([frame(FRAME_RST_STREAM, 0, 0, uint32(8))], "streamMissing");
    for (const payload of ["", "abc", "abcde"]) {
      assertConnectionError([frame(FRAME_RST_STREAM, 0, 1, payload)], "rstStreamSizeInvalid");
    }
  });

  it("SETTINGS comes in sixes and its acknowledgement empty (section 6.5)", () => {
    const payload = "\0\x04\0\0\0\x01\0\x03\0\0\0\x01";
    assertRead([frame(FRAME_SETTINGS, 0, 0, payload)], [["settings", hex(payload)]]);
    assertRead([frame(FRAME_SETTINGS, FLAG_ACK, 0)], [["settings ack"]]);
    assertConnectionError([frame(FRAME_SETTINGS, 0, 1)], "streamUnexpected");
    assertConnectionError([frame(FRAME_SETTINGS, FLAG_ACK, 1)], "streamUnexpected");
    assertConnectionError([frame(FRAME_SETTINGS, 0, 0, "abcde")], "settingsSizeInvalid");
    const ack = frame(FRAME_SETTINGS, FLAG_ACK, 0, "abcdef");
    assertConnectionError([ack], "settingsAckSizeInvalid");
  });

  it("PING has 8 bytes (section 6.7)", () => {
    assertRead([frame(FRAME_PING, 0, 0, "12345678")], [["ping", hex("12345678")]]);
    assertRead([frame(FRAME_PING, FLAG_ACK, 0, "12345678")], [["ping ack", hex("12345678")]]);
    assertConnectionError([frame(FRAME_PING, 0, 1, "12345678")], "streamUnexpected");
    for (const payload of ["", "1234567", "123456789"]) {
      assertConnectionError([frame(FRAME_PING, 0, 0, payload)], "pingSizeInvalid");
    }
  });

  it("GOAWAY has a stream, a code and debug data (section 6.8)", () => {
    const payload = Buffer.concat([uint32(0xffff_ffff, 11), Buffer.from("why")]);
    assertRead([frame(FRAME_GOAWAY, 0, 0, payload)], [["goaway", 0x7fff_ffff, 11, hex("why")]]);
    assertRead([frame(FRAME_GOAWAY, 0, 0, uint32(0, 0))], [["goaway", 0, 0, ""]]);
    assertConnectionError([frame(FRAME_GOAWAY, 0, 1, payload)], "streamUnexpected");
    assertConnectionError([frame(FRAME_GOAWAY, 0, 0, "1234567")], "frameTooShort");
  });

  it("WINDOW_UPDATE has an increment above 0 (section 6.9)", () => {
    const update = (streamId: number, increment: number) =>
      frame(FRAME_WINDOW_UPDATE, 0, streamId, uint32(increment));
    assertRead([update(0, 1)], [["window update", 0, 1]]);
    assertRead([update(3, 0xffff_ffff)], [["window update", 3, 0x7fff_ffff]]);
    for (const zero of [0, 0x8000_0000]) {
      assertConnectionError([update(0, zero)], "windowIncrementZero");
      const events = [
        ["stream error", 3, "windowIncrementZero"],
        ["window update", 3, 1],
      ];
      assertRead([update(3, zero), update(3, 1)], events);
    }
    for (const payload of ["", "abc", "abcde"]) {
      const wrong = frame(FRAME_WINDOW_UPDATE, 0, 1, payload);
      assertConnectionError([wrong], "windowUpdateSizeInvalid");
    }
  });

  it("of unknown type are dropped and told (sections 4.1 and 5.5)", () => {
    assertRead(
      [frame(UNKNOWN, 0xff, 0, "abc"), frame(0x0a, 0, 7), frame(UNKNOWN, 0, 9, "x".repeat(16_384))],
      [
        ["ignored", UNKNOWN, 3],
        ["ignored", 0x0a, 0],
        ["ignored", UNKNOWN, 16_384],
      ],
    );
  });
});

describe("a decoder", () => {
  it("knows whether a peer owes it the rest of a frame or field block", () => {
    const bytes = Buffer.concat([opening("server"), frame(FRAME_HEADERS, 0, 1, "ab")]);
    assert.equal(recordFrames("server", [bytes]).isBetweenFrames, false);
    for (const partial of [
      frame(FRAME_PING, 0, 0, "1234", 8),
      frame(FRAME_DATA, 0, 1, "1234", 8),
      frame(UNKNOWN, 0, 1, "1234", 8),
      frame(FRAME_DATA, FLAG_PADDED, 1, "", 8),
      frame(FRAME_PING, 0, 0).subarray(0, 1),
    ]) {
      const reads = [opening("server"), partial];
      assert.equal(recordFrames("server", reads).isBetweenFrames, false);
    }
    assert.equal(recordFrames("server", [CLIENT_PREFACE.subarray(0, 9)]).isBetweenFrames, false);
    assert.equal(recordFrames("server", [opening("server")]).isBetweenFrames, true);
  });

  it("keeps nothing for what a header only announces", () => {
    const announced = frame(FRAME_HEADERS, 0, 1, "", FRAME_SIZE_BYTES_MAX);
    const recorded = recordFrames("server", [opening("server"), announced]);
    assert.equal(recorded.keptBytesMax, 0);
  });

  it("begins no more frames of a read than it may, and goes on from there", () => {
    const whole = Buffer.concat([
      opening("client"),
      frame(FRAME_HEADERS, 0, 1, "abc"),
      frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1, "de"),
      frame(FRAME_DATA, 0, 1, "some data"),
      ...Array.from({ length: 9 }, () => frame(FRAME_PING, 0, 0, "12345678")),
    ]);
    const expected = recordFrames("client", [whole]).events;
    for (const unitsMax of [1, 2, 3, 5]) {
      const recorder = new FrameRecorder();
      const decoder = new FrameDecoder("client", recorder);
      let calls = 0;
      for (let at = 0; at < whole.length; at = decoder.used) {
        const before = recorder.events.length;
        assert.equal(decoder.execute(whole, at, whole.length, unitsMax), FRAME_OK);
        // Of one frame there are two calls at most.
        assert.ok(recorder.events.length - before <= 2 * unitsMax);
        calls += 1;
      }
      assert.ok(calls >= Math.floor(12 / unitsMax), `${calls} calls`);
      assert.deepEqual(recorder.events, expected);
    }
  });

  it("lets go of what it keeps when it stops", () => {
    const decoder = new FrameDecoder("client", new FrameRecorder());
    const kept = [frame(FRAME_HEADERS, 0, 1, "abc"), frame(FRAME_CONTINUATION, 0, 1, "de", 5)];
    const bytes = Buffer.concat([opening("client"), ...kept]);
    assert.equal(decoder.execute(bytes, 0, bytes.length), FRAME_OK);
    assert.equal(decoder.keptBytes, 5);
    decoder.stop();
    assert.equal(decoder.keptBytes, 0);
  });

  it("gives its error again and calls nothing when it is fed on", () => {
    const recorder = new FrameRecorder();
    const decoder = new FrameDecoder("client", recorder);
    const wrong = frame(FRAME_PING, 0, 0, "12345678");
    assert.equal(errorName(decoder.execute(wrong, 0, wrong.length)), "settingsNotFirst");
    const right = opening("client");
    assert.equal(errorName(decoder.execute(right, 0, right.length)), "settingsNotFirst");
    assert.equal(errorName(decoder.execute(right, 0, 0)), "settingsNotFirst");
    assert.deepEqual(recorder.events, []);
    assert.equal(decoder.keptBytes, 0);
  });

  it("calls nothing after it was stopped within a call", () => {
    for (const stopper of [
      "onDataFrame",
      "onData",
      "onHeaders",
      "onIgnoredFrame",
      "onPing",
      "onStreamError",
    ] as const satisfies readonly (keyof FrameHandler)[]) {
      const recorder = new FrameRecorder();
      const handler: FrameHandler = Object.assign(recorder, {
        [stopper]: () => {
          recorder.events.length = 0;
          decoder.stop();
        },
      });
      const decoder = new FrameDecoder("client", handler);
      const bytes = Buffer.concat([
        opening("client"),
        frame(FRAME_HEADERS, FLAG_END_HEADERS, 1, "ab"),
        frame(FRAME_DATA, 0, 1, "ab"),
        frame(FRAME_PRIORITY, 0, 1, "abcde"),
        frame(FRAME_PRIORITY, 0, 1, "abcd"),
        frame(FRAME_PING, 0, 0, "12345678"),
        frame(FRAME_SETTINGS, FLAG_ACK, 0),
      ]);
      assert.equal(decoder.execute(bytes, 0, bytes.length), FRAME_OK);
      assert.deepEqual(recorder.events, [], stopper);
      assert.equal(decoder.execute(bytes, 0, bytes.length), FRAME_OK);
      assert.equal(decoder.isBetweenFrames, false);
    }
  });
});
