/** The proxy beside the app: requests come over one connection of HTTP/2, and go to the app over HTTP/1.1. */
import { CONCURRENT_STREAMS_MAX } from "../../src/core/limits.ts";
import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADER_BYTES,
  FRAME_HEADERS,
  FRAME_SETTINGS,
  WINDOW_UPDATE_BYTES,
} from "../../src/http2/frame.ts";
import { writeWindowUpdate } from "../../src/http2/frame-writer.ts";
import { CLIENT_PREFACE } from "../../src/http2/preface.ts";
import type { HalfOptions, MeasuredHalf } from "./measured-half.ts";
import { dialInMemory, MemoryHandle } from "./memory-handle.ts";
import { endTurn } from "./turns.ts";
import { FrameBatch, forEachFrame, frame, H1_ANSWER, H2_REQUESTS } from "./wire.ts";

const FLAGS = FLAG_END_HEADERS | FLAG_END_STREAM;
const FIRST_HEAD = frame(FRAME_HEADERS, FLAGS, H2_REQUESTS.first);
const HEAD = frame(FRAME_HEADERS, FLAGS, H2_REQUESTS.later);
/** The window of the connection, opened again each time that so many bytes of answers may have come. */
const WINDOW_BYTES = 1 << 15;
const WINDOW = windowUpdate(WINDOW_BYTES);
const PREFACE = Buffer.concat([
  CLIENT_PREFACE,
  frame(FRAME_SETTINGS, 0, Buffer.alloc(0)),
  windowUpdate(1 << 24),
]);
export class InboundHalf implements MeasuredHalf {
  readonly #batch: number;
  readonly #connections: number;
  readonly #hop = new MemoryHandle((_handle, bytes, length) => this.#onAnswers(bytes, length));
  readonly #frames = new FrameBatch();
  readonly #asked: MemoryHandle[] = [];
  #nextId = 1;
  #windowBytes = WINDOW_BYTES;
  answered = 0;

  constructor({ connections, batch, accept }: HalfOptions) {
    this.#connections = Math.min(connections, CONCURRENT_STREAMS_MAX);
    this.#batch = batch;
    dialInMemory(() => new MemoryHandle((app) => this.#asked.push(app)));
    accept(this.#hop);
    this.#hop.give(PREFACE);
  }

  takeTurns(): void {
    const asking = (this.#nextId - 1) / 2 - this.answered;
    for (let i = 0; i < Math.min(this.#batch, this.#connections - asking); i++) {
      this.#frames.add(this.#nextId === 1 ? FIRST_HEAD : HEAD, this.#nextId);
      this.#nextId += 2;
      this.#windowBytes -= H1_ANSWER.length;
    }
    if (this.#windowBytes < 0) {
      this.#frames.add(WINDOW, 0);
      this.#windowBytes += WINDOW_BYTES;
    }
    const requests = this.#frames.take();
    if (requests.length > 0) this.#hop.give(requests);
    endTurn();
    const due = this.#asked.length - (this.#connections - this.#batch);
    if (due <= 0) return;
    for (const app of this.#asked.splice(0, due)) app.give(H1_ANSWER);
    endTurn();
  }

  #onAnswers(bytes: Buffer, length: number): void {
    forEachFrame(bytes, 0, length, (type, flags) => {
      if (type === FRAME_DATA && (flags & FLAG_END_STREAM) !== 0) this.answered += 1;
    });
  }
}

function windowUpdate(increment: number): Buffer {
  const out = Buffer.alloc(FRAME_HEADER_BYTES + WINDOW_UPDATE_BYTES);
  writeWindowUpdate(out, 0, 0, increment);
  return out;
}
