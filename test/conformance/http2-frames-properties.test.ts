/**
 * The frame decoder on frames of our writer, on spoilt ones and on noise: nothing makes it throw, the
 * split into reads changes nothing of what comes out, and what it keeps is bounded. `TULLE_FUZZ_SEED`
 * repeats a run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FIELD_BLOCK_BYTES_MAX, FRAME_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
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
} from "../../src/http2/frame-writer.ts";
import type { Role } from "../../src/http2/settings.ts";
import { type FrameEvent, frame, opening, recordFrames } from "../support/http2-frame-recorder.ts";

const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const WRITTEN_RUNS = 1_000;
const MADE_RUNS = 6_000;
const NOISE_RUNS = 3_000;

/** A frame as our writer puts it, and what it must be read as. */
interface Written {
  readonly bytes: Buffer;
  readonly event: FrameEvent;
}

const streamIds = fc.integer({ min: 1, max: 0x7fff_ffff });
const uint32s = fc.integer({ min: 0, max: 0xffff_ffff });
const cutLists = fc.array(fc.nat(), { maxLength: 8 });
const roles = fc.constantFrom<Role>("client", "server");

function bytesOf(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength, size: "max" }).map((bytes) => Buffer.from(bytes));
}

function writtenBy(room: number, write: (out: Buffer) => number): Buffer {
  const out = Buffer.alloc(room);
  return out.subarray(0, write(out));
}

const dataFrames = fc
  .tuple(streamIds, bytesOf(300), fc.boolean())
  .map(([id, data, isEnd]): Written => {
    const header = writtenBy(9, (out) => writeDataHeader(out, 0, id, data.length, isEnd));
    const event = ["data", id, data.length, data.length, data.toString("hex"), isEnd];
    return { bytes: Buffer.concat([header, data]), event };
  });

/** The peer's frame size is far below the RFC's least, so that small blocks come in CONTINUATIONs as well. */
const headersFrames = fc
  .tuple(streamIds, bytesOf(90), fc.integer({ min: 10, max: 60 }), fc.boolean())
  .map(([id, block, frameSizeMax, isEnd]): Written => {
    const bytes = writtenBy(headersSize(block.length, frameSizeMax), (out) => {
      block.copy(out, 9);
      return frameHeaders(out, 0, 9 + block.length, id, frameSizeMax, isEnd);
    });
    return { bytes, event: ["headers", id, block.toString("hex"), isEnd] };
  });

const settingsFrames = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 0xffff }), uint32s), { maxLength: 8 })
  .map((settings): Written => {
    const bytes = writtenBy(100, (out) => writeSettings(out, 0, settings.flat()));
    return { bytes, event: ["settings", bytes.toString("hex", 9)] };
  });

const pingFrames = fc
  .tuple(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.boolean())
  .map(([payload, isAck]): Written => {
    const data = Buffer.from(payload);
    const write = isAck ? writePingAck : writePing;
    const bytes = writtenBy(17, (out) => write(out, 0, data, 0));
    return { bytes, event: [isAck ? "ping ack" : "ping", data.toString("hex")] };
  });

const smallFrames = fc.oneof(
  fc.tuple(streamIds, uint32s).map(
    ([id, code]): Written => ({
      bytes: writtenBy(13, (out) => writeRstStream(out, 0, id, code)),
      event: ["reset", id, code],
    }),
  ),
  fc.constant<Written>({
    bytes: writtenBy(9, (out) => writeSettingsAck(out, 0)),
    event: ["settings ack"],
  }),
  fc.tuple(fc.nat({ max: 0x7fff_ffff }), fc.integer({ min: 0, max: 13 }), fc.string()).map(
    ([last, code, text]): Written => ({
      bytes: writtenBy(17 + text.length, (out) => writeGoaway(out, 0, last, code as 0, text)),
      event: ["goaway", last, code, Buffer.from(text, "latin1").toString("hex")],
    }),
  ),
  fc.tuple(fc.nat({ max: 0x7fff_ffff }), streamIds).map(
    ([id, increment]): Written => ({
      bytes: writtenBy(13, (out) => writeWindowUpdate(out, 0, id, increment)),
      event: ["window update", id, increment],
    }),
  ),
);

const writtenFrames = fc.oneof(dataFrames, headersFrames, settingsFrames, pingFrames, smallFrames);

/** Frames of any kind with small payloads, most of them nearly right: their rules depend on each other. */
const madeFrames = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constantFrom(0x1, 0x9, 0x9, 0xff)),
    fc.oneof(fc.constantFrom(0, 0x1, 0x4, 0x5, 0x8, 0xc, 0x2c), fc.integer({ min: 0, max: 255 })),
    fc.constantFrom(0, 1, 1, 1, 2, 3, 0x8000_0001),
    fc.oneof(
      fc.constantFrom(0, 4, 5, 6, 8).map((length) => Buffer.alloc(length, 1)),
      bytesOf(40),
    ),
    fc.oneof(
      { weight: 20, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.nat(0xff_ffff) },
    ),
  )
  .map(([type, flags, streamId, payload, length]) => frame(type, flags, streamId, payload, length));

/** Fails unless these reads give what one read gives. Returns that. */
function assertSplits(role: Role, bytes: Buffer, cuts: readonly number[]) {
  const { keptBytesMax: _, ...whole } = recordFrames(role, [bytes]);
  const at = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  const reads = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
  const singles = Array.from(bytes, (byte) => Buffer.of(byte));
  for (const split of [reads, singles]) {
    const { keptBytesMax, ...recorded } = recordFrames(role, split);
    assert.deepEqual(recorded, whole);
    assert.ok(keptBytesMax <= FRAME_SIZE_BYTES_MAX + FIELD_BLOCK_BYTES_MAX);
  }
  return whole;
}

describe(`frames in any split (TULLE_FUZZ_SEED=${seed})`, () => {
  it("of the writer are read as they were meant", () => {
    const connections = fc.array(writtenFrames, { maxLength: 12 });
    fc.assert(
      fc.property(roles, connections, cutLists, (role, frames, cuts) => {
        const bytes = Buffer.concat([opening(role), ...frames.map((written) => written.bytes)]);
        const { events, error, isBetweenFrames } = assertSplits(role, bytes, cuts);
        assert.equal(error, "");
        assert.equal(isBetweenFrames, true);
        assert.deepEqual(events, [["settings", ""], ...frames.map(({ event }) => event)]);
      }),
      { numRuns: WRITTEN_RUNS, seed },
    );
  });

  it("of any kind, right and wrong, get the same verdict", () => {
    const verdicts = new Set<string>();
    const connections = fc.array(madeFrames, { maxLength: 8 });
    fc.assert(
      fc.property(roles, connections, cutLists, (role, frames, cuts) => {
        const bytes = Buffer.concat([opening(role), ...frames]);
        verdicts.add(assertSplits(role, bytes, cuts).error);
      }),
      { numRuns: MADE_RUNS, seed },
    );
    // What is made reaches the rules: fewer verdicts would be a check of nothing.
    assert.ok(verdicts.size >= 10, [...verdicts].join(", "));
  });

  it("that are noise do not make the decoder throw", () => {
    fc.assert(
      fc.property(roles, fc.boolean(), bytesOf(400), cutLists, (role, isOpened, noise, cuts) => {
        const bytes = isOpened ? Buffer.concat([opening(role), noise]) : noise;
        assertSplits(role, bytes, cuts);
      }),
      { numRuns: NOISE_RUNS, seed },
    );
  });
});
