/**
 * The HTTP/2 frame decoder with the HPACK decoder behind it, in both roles: no split changes what comes
 * out, and no more is kept than one frame and one field block.
 */
import {
  FIELD_BLOCK_BYTES_MAX,
  FRAME_SIZE_BYTES_MAX,
  HEAD_SIZE_BYTES_MAX,
} from "../../../src/core/limits.ts";
import { FRAME_HEADER_BYTES } from "../../../src/http2/frame.ts";
import { FrameDecoder } from "../../../src/http2/frame-decoder.ts";
import { FRAME_OK } from "../../../src/http2/frame-error.ts";
import type { FrameHandler } from "../../../src/http2/frame-handler.ts";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { FieldSection } from "../../../src/http2/hpack/field-section.ts";
import { HPACK_OK } from "../../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../../src/http2/hpack/hpack-scratch.ts";
import { type Role, Settings } from "../../../src/http2/settings.ts";
import { frame, opening } from "../../support/http2-frame-recorder.ts";
import { Digest } from "../digest.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { frameVectors, hpackBlocks } from "../shared-corpus.ts";
import { readEnds } from "../splits.ts";

const KEPT_BYTES_MAX = FRAME_HEADER_BYTES + FRAME_SIZE_BYTES_MAX + FIELD_BLOCK_BYTES_MAX;

const EVENT = {
  dataFrame: 1,
  dataEnd: 2,
  headers: 3,
  pushPromise: 4,
  emptyFragment: 5,
  rstStream: 6,
  settings: 7,
  settingsAck: 8,
  ping: 9,
  pingAck: 10,
  goaway: 11,
  windowUpdate: 12,
  ignored: 13,
  streamError: 14,
} as const;

const scratch = new HpackScratch();

class Recorder implements FrameHandler {
  readonly digest = new Digest();
  readonly #decoder: FrameDecoder;
  readonly #hpack = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  readonly #section = new FieldSection();
  readonly #settings: Settings;
  #dataRemaining = 0;

  constructor(role: Role) {
    this.#decoder = new FrameDecoder(role, this);
    this.#settings = new Settings(role === "server" ? "client" : "server");
  }

  /** Returns false when the connection is over. */
  feed(bytes: Buffer, start: number, end: number): boolean {
    const result = this.#decoder.execute(bytes, start, end);
    must(this.#decoder.keptBytes <= KEPT_BYTES_MAX, "kept bytes are bounded");
    if (result === FRAME_OK) return true;
    this.digest.number(result);
    return false;
  }

  onDataFrame(streamId: number, flowBytes: number, dataBytes: number): void {
    must(this.#dataRemaining === 0, "a DATA frame is told to its end");
    must(streamId > 0 && dataBytes <= flowBytes, "DATA has a stream and counts its padding");
    this.#dataRemaining = dataBytes;
    this.digest.number(EVENT.dataFrame).number(streamId).number(flowBytes).number(dataBytes);
  }

  onData(streamId: number, bytes: Buffer, start: number, end: number, isEnd: boolean): void {
    this.#dataRemaining -= end - start;
    must(this.#dataRemaining >= 0, "no more data comes than was told");
    this.digest.bytes(bytes, start, end);
    if (isEnd) {
      must(this.#dataRemaining === 0, "the end comes last");
      this.digest.number(EVENT.dataEnd).number(streamId);
    }
  }

  onHeaders(streamId: number, block: Buffer, start: number, end: number, isEnd: boolean): void {
    this.digest.number(EVENT.headers).number(streamId).flag(isEnd);
    this.#decode(block, start, end);
  }

  onPushPromise(
    streamId: number,
    promised: number,
    block: Buffer,
    start: number,
    end: number,
  ): void {
    this.digest.number(EVENT.pushPromise).number(streamId).number(promised);
    this.#decode(block, start, end);
  }

  onEmptyFragment(streamId: number): void {
    this.digest.number(EVENT.emptyFragment).number(streamId);
  }

  onRstStream(streamId: number, code: number): void {
    this.digest.number(EVENT.rstStream).number(streamId).number(code);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    this.digest.number(EVENT.settings).number(this.#settings.apply(bytes, start, end));
    this.digest.number(this.#settings.headerTableSize).number(this.#settings.initialWindowSize);
  }

  onSettingsAck(): void {
    this.digest.number(EVENT.settingsAck);
  }

  onPing(bytes: Buffer, start: number): void {
    this.digest.number(EVENT.ping).bytes(bytes, start, start + 8);
  }

  onPingAck(bytes: Buffer, start: number): void {
    this.digest.number(EVENT.pingAck).bytes(bytes, start, start + 8);
  }

  onGoaway(lastStreamId: number, code: number, bytes: Buffer, start: number, end: number): void {
    this.digest.number(EVENT.goaway).number(lastStreamId).number(code).bytes(bytes, start, end);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    must(increment > 0 && increment < 2 ** 31, "increments are 31-bit and not 0");
    this.digest.number(EVENT.windowUpdate).number(streamId).number(increment);
  }

  onIgnoredFrame(type: number, payloadBytes: number): void {
    this.digest.number(EVENT.ignored).number(type).number(payloadBytes);
  }

  onStreamError(streamId: number, error: number): void {
    this.digest.number(EVENT.streamError).number(streamId).number(error);
  }

  #decode(block: Buffer, start: number, end: number): void {
    const section = this.#section;
    const result = this.#hpack.decode(block, start, end, section);
    this.digest.number(result).number(this.#hpack.tableSize).number(section.listSizeBytes);
    if (result === HPACK_OK) {
      this.digest.text(section.headers.toLines()).number(section.present).text(section.path);
    } else if (result < HPACK_OK) {
      // An error of the connection: the tables are out of step.
      this.#decoder.stop();
    }
  }
}

function fuzzRole(role: Role, start: Buffer, data: Buffer): void {
  const bytes = Buffer.concat([start, data]);
  const whole = new Recorder(role);
  whole.feed(bytes, 0, bytes.length);
  const split = new Recorder(role);
  let at = 0;
  for (const end of readEnds(bytes)) {
    const isGood = split.feed(bytes, at, end);
    at = end;
    if (!isGood) break;
  }
  must(split.digest.value === whole.digest.value, "the split changes nothing");
}

function seeds(): readonly Buffer[] {
  const headers = hpackBlocks().map((block) => frame(0x1, 0x5, 1, block));
  return [...frameVectors(), ...headers];
}

function targetOf(role: Role): FuzzTarget {
  const start = opening(role);
  return {
    name: `http2-${role}`,
    fuzz: (data) => {
      // Mostly behind the opening, which no fuzzer finds; some inputs bring their own.
      const isBare = data.length > 0 && data[0]! >= 0x80;
      fuzzRole(role, isBare ? Buffer.alloc(0) : start, isBare ? data.subarray(1) : data);
    },
    seeds,
    inputBytesMax: 1_024,
  };
}

export const http2Server: FuzzTarget = targetOf("server");
export const http2Client: FuzzTarget = targetOf("client");
