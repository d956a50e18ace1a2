/**
 * The frame layer's part of HTTP/2: reads as they come from a busy connection, and what is written in
 * answer. Field blocks are only framed here; HPACK has benchmarks of its own.
 */
import { bench, do_not_optimize, group } from "mitata";
import { FRAME_SIZE_BYTES_MAX, READ_BUFFER_BYTES } from "../../src/core/limits.ts";
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
} from "../../src/http2/frame.ts";
import { FrameDecoder } from "../../src/http2/frame-decoder.ts";
import type { FrameHandler } from "../../src/http2/frame-handler.ts";
import {
  frameHeaders,
  writeDataHeader,
  writeFrameHeader,
  writePing,
  writeSettings,
  writeWindowUpdate,
} from "../../src/http2/frame-writer.ts";
import { serverSettings } from "../../src/http2/settings.ts";

const OWN = { maxConcurrentStreams: 100, initialStreamWindowBytes: 65_535, allowsConnect: true };
/** What a request of eight fields takes once its names and most values are in the dynamic table. */
const BLOCK_BYTES = 60;
const SMALL_BODY_BYTES = 128;

const nothing: FrameHandler = {
  onDataFrame: () => {},
  onData: () => {},
  onHeaders: () => {},
  onPushPromise: () => {},
  onEmptyFragment: () => {},
  onRstStream: () => {},
  onSettings: () => {},
  onSettingsAck: () => {},
  onPing: () => {},
  onPingAck: () => {},
  onGoaway: () => {},
  onWindowUpdate: () => {},
  onIgnoredFrame: () => {},
  onStreamError: () => {},
};

/** A decoder behind the first SETTINGS of its peer. */
function openDecoder(): FrameDecoder {
  const decoder = new FrameDecoder("client", nothing);
  const settings = Buffer.alloc(128);
  decoder.execute(settings, 0, writeSettings(settings, 0, serverSettings(OWN)));
  return decoder;
}

function bytesOf(write: (out: Buffer) => number): Buffer {
  const out = Buffer.alloc(READ_BUFFER_BYTES + 1024);
  return out.subarray(0, write(out));
}

function writeHeaders(out: Buffer, at: number, streamId: number): number {
  const end = at + FRAME_HEADER_BYTES + BLOCK_BYTES;
  return frameHeaders(out, at, end, streamId, FRAME_SIZE_BYTES_MAX, false);
}

function writeData(out: Buffer, at: number, streamId: number, length: number): number {
  return writeDataHeader(out, at, streamId, length, true) + length;
}

/** Eight answers of one turn: HEADERS and a small DATA each. */
const ANSWERS = bytesOf((out) => {
  let at = 0;
  for (let i = 0; i < 8; i++) {
    at = writeHeaders(out, at, 2 * i + 1);
    at = writeData(out, at, 2 * i + 1, SMALL_BODY_BYTES);
  }
  return at;
});
/** A full read of the largest DATA frames. */
const BODY = bytesOf((out) => {
  let at = 0;
  for (let i = 0; i < 4; i++) at = writeData(out, at, 1, FRAME_SIZE_BYTES_MAX);
  return at;
});
const WINDOW_UPDATES = bytesOf((out) => {
  let at = 0;
  for (let i = 0; i < 64; i++) at = writeWindowUpdate(out, at, i, 65_535);
  return at;
});
const BLOCK_IN_PARTS = bytesOf((out) => {
  const end = FRAME_HEADER_BYTES + BLOCK_BYTES;
  return frameHeaders(out, 0, end, 1, BLOCK_BYTES / 2, true);
});

group("http2 frames read", () => {
  for (const [name, bytes] of Object.entries({
    "8 answers: HEADERS and DATA of 128 bytes": ANSWERS,
    "4 DATA of 16 KiB": BODY,
    "64 WINDOW_UPDATE": WINDOW_UPDATES,
    "HEADERS with one CONTINUATION": BLOCK_IN_PARTS,
  })) {
    const decoder = openDecoder();
    bench(name, () => {
      do_not_optimize(decoder.execute(bytes, 0, bytes.length));
    });
  }
  const split = openDecoder();
  bench("8 answers in two reads, cut within HEADERS", () => {
    split.execute(ANSWERS, 0, 30);
    do_not_optimize(split.execute(ANSWERS, 30, ANSWERS.length));
  });
  const single = openDecoder();
  bench("8 answers in single bytes (T20)", () => {
    for (let at = 0; at < ANSWERS.length; at++) single.execute(ANSWERS, at, at + 1);
  });
});

const out = Buffer.alloc(READ_BUFFER_BYTES);
const ping = Buffer.from("12345678");

group("http2 frames written", () => {
  bench("HEADERS around a block in place, and a DATA header", () => {
    do_not_optimize(writeDataHeader(out, writeHeaders(out, 0, 1), 1, SMALL_BODY_BYTES, true));
  });
  bench("a block moved apart for 3 CONTINUATION", () => {
    const end = FRAME_HEADER_BYTES + 4 * BLOCK_BYTES;
    do_not_optimize(frameHeaders(out, 0, end, 1, BLOCK_BYTES, true));
  });
  bench("WINDOW_UPDATE", () => {
    do_not_optimize(writeWindowUpdate(out, 0, 1, 65_535));
  });
  bench("PING", () => {
    do_not_optimize(writePing(out, 0, ping, 0));
  });
  bench("a frame's header", () => {
    const flags = FLAG_END_HEADERS | FLAG_END_STREAM;
    do_not_optimize(writeFrameHeader(out, 0, BLOCK_BYTES, FRAME_HEADERS, flags, 1));
  });
});
