/** Request body that arrived before there was a connection to send it on. Bounded by pausing its source. */
import { PENDING_BODY_BYTES_MAX } from "../core/limits.ts";
import type { ClientStream } from "./stream.ts";

export class PendingBody {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** Copies the range. Returns false when the source must pause. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.#bytes += end - start;
    return this.#bytes < PENDING_BODY_BYTES_MAX;
  }

  /** Hands everything to the stream. */
  sendTo(stream: ClientStream): void {
    if (this.#bytes === 0) return;
    for (const chunk of this.#chunks) stream.sendBody(chunk, 0, chunk.length);
    this.clear();
  }

  clear(): void {
    if (this.#bytes === 0) return;
    this.#chunks.length = 0;
    this.#bytes = 0;
  }
}
