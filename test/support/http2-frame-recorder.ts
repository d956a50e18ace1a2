/** Builds HTTP/2 frames byte by byte, feeds them to the decoder and tells what it made of them, as plain values. */

import { FrameDecoder } from "../../src/http2/frame-decoder.ts";
import { FRAME_ERROR, FRAME_OK } from "../../src/http2/frame-error.ts";
import type { FrameHandler } from "../../src/http2/frame-handler.ts";
import { CLIENT_PREFACE } from "../../src/http2/preface.ts";
import type { Role } from "../../src/http2/settings.ts";

/** A call on the handler: its name, its numbers and flags, its bytes in hexadecimal. */
export type FrameEvent = readonly (string | number | boolean)[];

export interface RecordedFrames {
  readonly events: readonly FrameEvent[];
  /** The name of the connection error in FRAME_ERROR, or "". */
  readonly error: string;
  readonly isBetweenFrames: boolean;
  /** The most that the decoder kept between reads. */
  readonly keptBytesMax: number;
}

/** A frame with a header that says what it is told, be it wrong. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | string = "",
  length?: number,
): Buffer {
  const bytes = Buffer.from(payload as string, "latin1");
  const header = Buffer.alloc(9);
  header.writeUIntBE(length ?? bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

/** Big-endian 32-bit numbers. */
export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** What a peer of a `role` sends first: the preface to a server, and empty SETTINGS. */
export function opening(role: Role): Buffer {
  const settings = frame(0x4, 0, 0);
  return role === "server" ? Buffer.concat([CLIENT_PREFACE, settings]) : settings;
}

/** Feeds a connection's bytes, read by read. Bytes of a read are destroyed after it. */
export function recordFrames(role: Role, reads: readonly Buffer[]): RecordedFrames {
  const recorder = new FrameRecorder();
  const decoder = new FrameDecoder(role, recorder);
  let result = FRAME_OK;
  let keptBytesMax = 0;
  for (const read of reads) {
    const start = 3;
    const bytes = Buffer.concat([Buffer.alloc(start, 0x55), read, Buffer.alloc(3, 0x55)]);
    result = decoder.execute(bytes, start, start + read.length);
    bytes.fill(0xee);
    keptBytesMax = Math.max(keptBytesMax, decoder.keptBytes);
  }
  return {
    events: recorder.events,
    error: errorName(result),
    isBetweenFrames: decoder.isBetweenFrames,
    keptBytesMax,
  };
}

/** The name in FRAME_ERROR, or "" for FRAME_OK. */
export function errorName(error: number): string {
  if (error === FRAME_OK) return "";
  return Object.entries(FRAME_ERROR).find(([, number]) => number === error)?.[0] ?? `${error}`;
}

/** Remembers each call. The parts of a DATA frame are joined. */
export class FrameRecorder implements FrameHandler {
  readonly events: FrameEvent[] = [];

  onDataFrame(streamId: number, flowBytes: number, dataBytes: number): void {
    this.events.push(["data", streamId, flowBytes, dataBytes, "", false]);
  }

  onData(streamId: number, bytes: Buffer, start: number, end: number, isEndStream: boolean): void {
    const event = this.events.pop() ?? [];
    const [kind, id, flowBytes, dataBytes, before, isEnded] = event;
    if (kind !== "data" || id !== streamId || isEnded !== false) {
      throw new Error(`onData came after ${event.join(" ")}`);
    }
    const data = `${before}${hex(bytes, start, end)}`;
    this.events.push(["data", id, flowBytes ?? 0, dataBytes ?? 0, data, isEndStream]);
  }

  onHeaders(streamId: number, block: Buffer, start: number, end: number, isEnd: boolean): void {
    this.events.push(["headers", streamId, hex(block, start, end), isEnd]);
  }

  onPushPromise(streamId: number, promised: number, block: Buffer, start: number, end: number) {
    this.events.push(["push promise", streamId, promised, hex(block, start, end)]);
  }

  onEmptyFragment(streamId: number): void {
    this.events.push(["empty fragment", streamId]);
  }

  onRstStream(streamId: number, code: number): void {
    this.events.push(["reset", streamId, code]);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    this.events.push(["settings", hex(bytes, start, end)]);
  }

  onSettingsAck(): void {
    this.events.push(["settings ack"]);
  }

  onPing(bytes: Buffer, start: number): void {
    this.events.push(["ping", hex(bytes, start, start + 8)]);
  }

  onPingAck(bytes: Buffer, start: number): void {
    this.events.push(["ping ack", hex(bytes, start, start + 8)]);
  }

  onGoaway(lastStreamId: number, code: number, bytes: Buffer, start: number, end: number): void {
    this.events.push(["goaway", lastStreamId, code, hex(bytes, start, end)]);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.events.push(["window update", streamId, increment]);
  }

  onIgnoredFrame(type: number, payloadBytes: number): void {
    this.events.push(["ignored", type, payloadBytes]);
  }

  onStreamError(streamId: number, error: number): void {
    this.events.push(["stream error", streamId, errorName(error)]);
  }
}

function hex(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("hex", start, end);
}
