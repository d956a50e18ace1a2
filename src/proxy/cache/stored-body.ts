/** Sends bytes that are at hand as fast as a stream takes them. */
import type { ServerStream } from "../stream.ts";
import type { AnswerPart } from "./stored-answer.ts";

/** One piece a time, so that a slow client holds one, and not all of a large body, in its connection. */
const PIECE_BYTES = 64 * 1024;

export class StoredBody {
  readonly #next: ServerStream;
  readonly #body: Buffer;
  readonly #end: number;
  #at: number;
  #isOver = false;

  constructor(next: ServerStream, body: Buffer, { start, end }: AnswerPart) {
    this.#next = next;
    this.#body = body;
    this.#at = start;
    this.#end = end;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Goes on until the stream is full or everything is sent, the end included. Returns whether it is. */
  pump(): boolean {
    while (this.#at < this.#end) {
      const start = this.#at;
      this.#at = Math.min(this.#end, start + PIECE_BYTES);
      const hasRoom = this.#next.sendBody(this.#body, start, this.#at);
      if (!hasRoom && this.#at < this.#end) return false;
    }
    this.#isOver = true;
    this.#next.sendEnd(undefined);
    return true;
  }
}
