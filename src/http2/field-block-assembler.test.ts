import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertConnectionError, assertRead, hex } from "../../test/support/http2-frame-checks.ts";
import { frame, opening, recordFrames, uint32 } from "../../test/support/http2-frame-recorder.ts";
import {
  FIELD_BLOCK_BYTES_MAX,
  FIELD_BLOCK_CONTINUATIONS_MAX,
  FRAME_SIZE_BYTES_MAX,
} from "../core/limits.ts";
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_WINDOW_UPDATE,
} from "./frame.ts";
import type { FrameErrorName } from "./frame-error.ts";

const UNKNOWN = 0xbe;

describe("CONTINUATION (section 6.10)", () => {
  it("prolongs the field block of HEADERS, whose END_STREAM holds", () => {
    assertRead(
      [
        frame(FRAME_HEADERS, FLAG_END_STREAM | FLAG_PADDED, 1, "\x01ab\0"),
        frame(FRAME_CONTINUATION, FLAG_PADDED, 1, "cd"),
        frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1, "ef"),
        frame(FRAME_HEADERS, FLAG_END_HEADERS, 3, "gh"),
      ],
      [
        ["headers", 1, hex("abcdef"), true],
        ["headers", 3, hex("gh"), false],
      ],
    );
  });

  it("may be empty, as HEADERS may, which is told but at the end (T16)", () => {
    const open = frame(FRAME_HEADERS, 0, 1);
    const empty = ["empty fragment", 1];
    const end = frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1);
    assertRead([open, end], [empty, ["headers", 1, "", false]]);
    assertRead(
      [open, frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1, "ab")],
      [empty, ["headers", 1, hex("ab"), false]],
    );
    assertRead(
      [frame(FRAME_HEADERS, 0, 1, "ab"), frame(FRAME_CONTINUATION, 0, 1), end],
      [empty, ["headers", 1, hex("ab"), false]],
    );
  });

  it("is refused where no field block is open", () => {
    const lone = frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1, "ab");
    assertConnectionError([lone], "continuationUnexpected");
    assertConnectionError(
      [frame(FRAME_HEADERS, FLAG_END_HEADERS, 1, "ab"), lone],
      "continuationUnexpected",
    );
    assertConnectionError([frame(FRAME_HEADERS, 0, 1, "ab"), lone, lone], "continuationUnexpected");
    assertConnectionError([frame(FRAME_CONTINUATION, 0, 0, "ab")], "streamMissing");
  });

  it("is the only frame within a field block, on the block's stream", () => {
    const open = frame(FRAME_HEADERS, 0, 1, "ab");
    for (const other of [
      frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 3, "ab"),
      frame(FRAME_HEADERS, FLAG_END_HEADERS, 1, "ab"),
      frame(FRAME_DATA, 0, 1, "ab"),
      frame(FRAME_PRIORITY, 0, 1, "abcde"),
      frame(FRAME_PRIORITY, 0, 1, "abc"),
      frame(FRAME_RST_STREAM, 0, 1, uint32(8)),
      frame(FRAME_SETTINGS, 0, 0),
      frame(FRAME_PING, 0, 0, "12345678"),
      frame(FRAME_WINDOW_UPDATE, 0, 1, uint32(0)),
      frame(UNKNOWN, 0, 0),
    ]) {
      assertConnectionError([open, other], "fieldBlockInterrupted");
    }
  });

  it("comes at most 8 times in each field block (T14)", () => {
    const open = frame(FRAME_HEADERS, 0, 1, "a");
    const more = Array<Buffer>(FIELD_BLOCK_CONTINUATIONS_MAX - 1).fill(
      frame(FRAME_CONTINUATION, 0, 1, "b"),
    );
    const last = frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1);
    const event = ["headers", 1, hex(`a${"b".repeat(more.length)}`), false];
    assertRead([open, ...more, last, open, ...more, last], [event, event]);
    const extra = frame(FRAME_CONTINUATION, 0, 1);
    assertConnectionError([open, ...more, extra, last], "tooManyContinuations");
  });

  it("is refused by its header when the field block becomes larger than 64 KiB (T14)", () => {
    const part = Buffer.alloc(FRAME_SIZE_BYTES_MAX, "x");
    const full = [
      frame(FRAME_HEADERS, 0, 1, part),
      ...Array<Buffer>(FIELD_BLOCK_BYTES_MAX / part.length - 1).fill(
        frame(FRAME_CONTINUATION, 0, 1, part),
      ),
    ];
    const bytes = Buffer.concat([opening("server"), ...full]);
    const end = frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1);
    const complete = recordFrames("server", [bytes, end]);
    assert.equal(complete.error, "");
    assert.equal(String(complete.events[1]?.[2]).length, 2 * FIELD_BLOCK_BYTES_MAX);
    assert.equal(complete.keptBytesMax, FIELD_BLOCK_BYTES_MAX);
    const over = frame(FRAME_CONTINUATION, FLAG_END_HEADERS, 1, "", 1);
    assert.equal(recordFrames("server", [bytes, over]).error, "fieldBlockTooLarge");
  });
});

describe("PUSH_PROMISE (section 6.6)", () => {
  const flags = FLAG_END_HEADERS;

  it("gives a client its stream and field block", () => {
    assertRead(
      [
        frame(FRAME_PUSH_PROMISE, flags, 1, "\x80\0\0\x02abc"),
        frame(FRAME_PUSH_PROMISE, flags | FLAG_PADDED, 1, "\x01\0\0\0\x04abc\0"),
        frame(FRAME_PUSH_PROMISE, 0, 1, "\0\0\0\x06ab"),
        frame(FRAME_CONTINUATION, flags, 1, "c"),
      ],
      [2, 4, 6].map((promised) => ["push promise", 1, promised, hex("abc")]),
      "client",
    );
  });

  it("is refused with a wrong stream, padding or length", () => {
    const refused = (frames: readonly Buffer[], error: FrameErrorName) => {
      assertConnectionError(frames, error, "client");
    };
    refused([frame(FRAME_PUSH_PROMISE, flags, 0, uint32(2))], "streamMissing");
    refused([frame(FRAME_PUSH_PROMISE, flags, 1, uint32(0))], "promisedStreamInvalid");
    refused([frame(FRAME_PUSH_PROMISE, flags, 1, uint32(3))], "promisedStreamInvalid");
    refused([frame(FRAME_PUSH_PROMISE, flags, 1, "abc")], "frameTooShort");
    refused([frame(FRAME_PUSH_PROMISE, flags | FLAG_PADDED, 1, "\0abc")], "frameTooShort");
    const padded = frame(FRAME_PUSH_PROMISE, flags | FLAG_PADDED, 1, "\x02\0\0\0\x02a");
    refused([padded], "paddingTooLong");
  });

  it("is refused from a client (section 8.4)", () => {
    assertConnectionError([frame(FRAME_PUSH_PROMISE, flags, 1, uint32(2))], "pushByClient");
  });
});
