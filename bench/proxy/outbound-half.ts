/** The proxy beside the client: requests come over HTTP/1.1, a connection each, and leave over HTTP/2. */
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADERS,
  FRAME_SETTINGS,
} from "../../src/http2/frame.ts";
import { CLIENT_PREFACE } from "../../src/http2/preface.ts";
import type { HalfOptions, MeasuredHalf } from "./measured-half.ts";
import { dialInMemory, MemoryHandle } from "./memory-handle.ts";
import { endTurn } from "./turns.ts";
import { BODY_BYTES, FrameBatch, forEachFrame, frame, H1_REQUEST, H2_ANSWERS } from "./wire.ts";

const SETTINGS = frame(FRAME_SETTINGS, 0, Buffer.alloc(0));
const SETTINGS_ACK = frame(FRAME_SETTINGS, FLAG_ACK, Buffer.alloc(0));
const FIRST_HEAD = frame(FRAME_HEADERS, FLAG_END_HEADERS, H2_ANSWERS.first);
const HEAD = frame(FRAME_HEADERS, FLAG_END_HEADERS, H2_ANSWERS.later);
const DATA = frame(FRAME_DATA, FLAG_END_STREAM, BODY_BYTES);

export class OutboundHalf implements MeasuredHalf {
  readonly #batch: number;
  readonly #peers: UpstreamPeer[] = [];
  readonly #free: MemoryHandle[] = [];
  answered = 0;

  constructor({ connections, batch, accept }: HalfOptions) {
    this.#batch = batch;
    dialInMemory(() => {
      const peer = new UpstreamPeer();
      this.#peers.push(peer);
      return peer.handle;
    });
    for (let i = 0; i < connections; i++) {
      const client = new MemoryHandle((handle) => this.#onAnswer(handle));
      accept(client);
      this.#free.push(client);
    }
  }

  takeTurns(): void {
    const clients = this.#free.splice(0, this.#batch);
    for (const client of clients) client.give(H1_REQUEST);
    endTurn();
    // As many places are free before the next turn.
    let due = this.#batch - this.#free.length;
    for (const peer of this.#peers) {
      due -= peer.answer(due);
      endTurn();
    }
  }

  #onAnswer(client: MemoryHandle): void {
    this.#free.push(client);
    this.answered += 1;
  }
}

class UpstreamPeer {
  readonly handle = new MemoryHandle((_handle, bytes, length) => this.#onOutput(bytes, length));
  readonly #frames = new FrameBatch();
  readonly #waiting: number[] = [];
  #hasPreface = false;
  #hasAnswered = false;

  /** Returns how many, which is at most `count`. */
  answer(count: number): number {
    const ids = count <= 0 ? [] : this.#waiting.splice(0, count);
    if (ids.length === 0) return 0;
    for (const id of ids) {
      this.#frames.add(this.#hasAnswered ? HEAD : FIRST_HEAD, id);
      this.#frames.add(DATA, id);
      this.#hasAnswered = true;
    }
    this.handle.give(this.#frames.take());
    return ids.length;
  }

  #onOutput(bytes: Buffer, length: number): void {
    const start = this.#hasPreface ? 0 : CLIENT_PREFACE.length;
    if (!this.#hasPreface) {
      this.#hasPreface = true;
      setImmediate(() => this.handle.give(Buffer.concat([SETTINGS, SETTINGS_ACK])));
    }
    forEachFrame(bytes, start, length, (type, _flags, id) => {
      if (type === FRAME_HEADERS) this.#waiting.push(id);
    });
  }
}
