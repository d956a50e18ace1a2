/**
 * The vectors of http2jp/http2-frame-test-case: frames with what they hold, and wrong ones with the error
 * codes that are allowed. Each is decoded in any split, and what we would send ourselves is written again.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { SeededPrng } from "../../src/core/prng.ts";
import { FRAME_ERROR, type FrameErrorName, frameErrorInfo } from "../../src/http2/frame-error.ts";
import {
  frameHeaders,
  writeDataHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeWindowUpdate,
} from "../../src/http2/frame-writer.ts";
import type { Role } from "../../src/http2/settings.ts";
import {
  type FrameEvent,
  frame,
  opening,
  type RecordedFrames,
  recordFrames,
} from "../support/http2-frame-recorder.ts";

const CORPUS = join(import.meta.dirname, "../../../shared/corpora/http2-frames");
/** What the corpus holds, to tell how much is skipped without it and that none is overlooked. */
const VECTOR_COUNT = 34;
const ERROR_COUNT = 22;
const RANDOM_SPLITS = 20;

interface Payload {
  readonly [name: string]: unknown;
  readonly data: string;
  readonly header_block_fragment: string;
  readonly promised_stream_id: number;
  readonly error_code: number;
  readonly last_stream_id: number;
  readonly additional_debug_data: string;
  readonly settings: readonly (readonly [number, number])[];
  readonly opaque_data: string;
  readonly window_size_increment: number;
}

interface Vector {
  readonly name: string;
  readonly wire: Buffer;
  /** The allowed codes of a wrong frame. */
  readonly error: readonly number[] | null;
  readonly frame: {
    readonly length: number;
    readonly type: number;
    readonly flags: number;
    readonly stream_identifier: number;
    readonly frame_payload: Payload;
  } | null;
}

function vectorsOrSkip(t: TestContext): readonly Vector[] | undefined {
  if (existsSync(CORPUS)) {
    return globSync("*/*.json", { cwd: CORPUS })
      .sort()
      .map((name) => {
        const vector = JSON.parse(readFileSync(join(CORPUS, name), "utf8"));
        return { ...vector, name, wire: Buffer.from(vector.wire, "hex") };
      });
  }
  const message = `${VECTOR_COUNT} vectors skipped: ../shared/corpora/http2-frames is not there`;
  console.log(message);
  t.skip(message);
  return undefined;
}

/** A connection with the vector's frame; one of a field block's middle gets a beginning and an end. */
function connectionOf(vector: Vector, role: Role): Buffer {
  const { wire } = vector;
  const streamId = wire.readUInt32BE(5);
  const isContinuation = wire[3] === 0x9;
  const before = isContinuation ? [frame(0x1, 0, streamId, "<")] : [];
  const after = isContinuation ? [frame(0x9, 0x4, streamId, ">")] : [];
  return Buffer.concat([opening(role), ...before, wire, ...after]);
}

/** What the connection is decoded to, the same in every split. */
function decoded(vector: Vector, role: Role): RecordedFrames {
  const bytes = connectionOf(vector, role);
  const { keptBytesMax: _, ...whole } = recordFrames(role, [bytes]);
  const prng = new SeededPrng(bytes.length);
  const splits = [Array.from(bytes.keys())];
  for (let i = 0; i < RANDOM_SPLITS; i++) {
    splits.push(Array.from({ length: 1 + (i % 4) }, () => Math.floor(prng.next() * bytes.length)));
  }
  for (const cuts of splits) {
    const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
    const reads = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
    const { keptBytesMax: __, ...split } = recordFrames(role, reads);
    assert.deepEqual(split, whole, vector.name);
  }
  return { ...whole, keptBytesMax: 0 };
}

/** The call that the vector's frame stands for. */
function eventOf({ frame: expected }: Vector): FrameEvent {
  assert.ok(expected !== null);
  const { length, type, flags, stream_identifier: streamId, frame_payload: payload } = expected;
  const hex = (text: string) => Buffer.from(text, "latin1").toString("hex");
  switch (type) {
    case 0x0:
      return ["data", streamId, length, payload.data.length, hex(payload.data), false];
    case 0x1:
      return ["headers", streamId, hex(payload.header_block_fragment), (flags & 1) !== 0];
    case 0x9:
      return ["headers", streamId, hex(`<${payload.header_block_fragment}>`), false];
    case 0x3:
      return ["reset", streamId, payload.error_code];
    case 0x4:
      return ["settings", settingsHex(payload)];
    case 0x5: {
      const block = hex(payload.header_block_fragment);
      return ["push promise", streamId, payload.promised_stream_id, block];
    }
    case 0x6:
      return ["ping", hex(payload.opaque_data)];
    case 0x7: {
      const debug = hex(payload.additional_debug_data);
      return ["goaway", payload.last_stream_id, payload.error_code, debug];
    }
    case 0x8:
      return ["window update", streamId, payload.window_size_increment];
    default:
      return ["ignored", type, length];
  }
}

function settingsHex(payload: Payload): string {
  return payload.settings
    .map(([id, value]) => id.toString(16).padStart(4, "0") + value.toString(16).padStart(8, "0"))
    .join("");
}

/** The vector's frame by our writer, which has no padding, priority, push or lone CONTINUATION: undefined. */
function rewritten({ frame: expected }: Vector): Buffer | undefined {
  if (expected === null) return undefined;
  const { type, flags, stream_identifier: streamId, frame_payload: payload } = expected;
  const out = Buffer.alloc(1024);
  const isPlain = (flags & 0x28) === 0;
  switch (type) {
    case 0x0: {
      if (!isPlain) return undefined;
      const at = writeDataHeader(out, 0, streamId, payload.data.length, (flags & 1) !== 0);
      return out.subarray(0, at + out.write(payload.data, at, "latin1"));
    }
    case 0x1: {
      if (!isPlain) return undefined;
      const end = 9 + out.write(payload.header_block_fragment, 9, "latin1");
      return out.subarray(0, frameHeaders(out, 0, end, streamId, 16_384, (flags & 1) !== 0));
    }
    case 0x3:
      return out.subarray(0, writeRstStream(out, 0, streamId, payload.error_code));
    case 0x4:
      return out.subarray(0, writeSettings(out, 0, payload.settings.flat()));
    case 0x6:
      return out.subarray(0, writePing(out, 0, Buffer.from(payload.opaque_data, "latin1"), 0));
    case 0x7: {
      const { last_stream_id: last, additional_debug_data: debug } = payload;
      return out.subarray(0, writeGoaway(out, 0, last, payload.error_code as 9, debug));
    }
    case 0x8:
      return out.subarray(0, writeWindowUpdate(out, 0, streamId, payload.window_size_increment));
    default:
      return undefined;
  }
}

describe("http2-frame-test-case", () => {
  it("is read whole", (t) => {
    const vectors = vectorsOrSkip(t);
    if (vectors === undefined) return;
    assert.equal(vectors.length, VECTOR_COUNT);
    assert.equal(vectors.filter(({ error }) => error !== null).length, ERROR_COUNT);
  });

  it("is decoded to what each right frame holds, in any split", (t) => {
    const vectors = vectorsOrSkip(t)?.filter(({ error }) => error === null) ?? [];
    for (const vector of vectors) {
      for (const role of ["client", "server"] as const) {
        if (role === "server" && vector.frame?.type === 0x5) continue;
        const { events, error } = decoded(vector, role);
        assert.equal(error, "", vector.name);
        const own = events.filter(([kind]) => kind !== "empty fragment");
        assert.deepEqual(own, [["settings", ""], eventOf(vector)], vector.name);
      }
    }
  });

  it("is refused with an allowed code in each wrong frame, in any split", (t) => {
    const vectors = vectorsOrSkip(t)?.filter(({ error }) => error !== null) ?? [];
    for (const vector of vectors) {
      for (const role of ["client", "server"] as const) {
        const { events, error } = decoded(vector, role);
        const [kind, , streamError] = events.at(-1) ?? [];
        const name = (kind === "stream error" ? streamError : error) as FrameErrorName;
        assert.ok(name in FRAME_ERROR, `${vector.name} is accepted`);
        const { code } = frameErrorInfo(FRAME_ERROR[name]);
        assert.ok(vector.error?.includes(code), `${vector.name}: ${name} is code ${code}`);
      }
    }
  });

  it("is written again byte for byte where we send such frames", (t) => {
    const vectors = vectorsOrSkip(t);
    if (vectors === undefined) return;
    const names: string[] = [];
    for (const vector of vectors) {
      const bytes = rewritten(vector);
      if (bytes === undefined) continue;
      assert.deepEqual(bytes, vector.wire, vector.name);
      names.push(vector.name);
    }
    assert.deepEqual(
      names,
      ["goaway", "headers", "ping", "rst_stream", "settings", "window_update"].map(
        (folder) => `${folder}/normal.json`,
      ),
    );
  });
});
