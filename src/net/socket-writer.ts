/**
 * Gathers text and bytes for a socket. Heads and small bodies are one Latin-1 string, which the runtime hands
 * to the kernel without a copy of ours; larger bodies are copied behind it, because read buffers are shared.
 */
import { LARGE_BUFFER_BYTES } from "../core/buffer-pool.ts";
import { latin1 } from "../core/bytes.ts";
import { SMALL_BODY_BYTES_MAX } from "../core/limits.ts";
import { GatheredBytes } from "./gathered-bytes.ts";
import type { StreamHandle, WriteRequest } from "./stream-handle.ts";
import { TurnWriter } from "./turn-writer.ts";

export class SocketWriter extends TurnWriter {
  /** What goes out behind the gathered bytes. */
  #text = "";
  /** Made for the first large body. */
  #gathered: GatheredBytes | undefined;

  /** Latin-1 text only. */
  text(text: string): void {
    this.#text += text;
    this.onGathered(text.length);
  }

  /** A range of bytes between two pieces of Latin-1 text, as a chunk and its framing are. */
  bytes(before: string, bytes: Buffer, start: number, end: number, after: string): void {
    const length = end - start;
    if (length <= SMALL_BODY_BYTES_MAX) {
      this.text(`${before}${latin1(bytes, start, end)}${after}`);
      return;
    }
    const head = this.#text + before;
    this.#text = "";
    this.#gathered ??= new GatheredBytes();
    const gathered = this.#gathered;
    gathered.reserve(head.length + length + after.length, LARGE_BUFFER_BYTES);
    const out = gathered.bytes;
    const { at } = gathered;
    out.write(head, at, "latin1");
    bytes.copy(out, at + head.length, start, end);
    gathered.at = at + head.length + length;
    gathered.at += out.write(after, gathered.at, "latin1");
    this.onGathered(before.length + length + after.length);
  }

  protected override write(handle: StreamHandle, request: WriteRequest): number {
    const text = this.#text;
    this.#text = "";
    const gathered = this.#gathered;
    if (gathered === undefined || gathered.isEmpty) return handle.writeLatin1String(request, text);
    gathered.reserve(text.length, text.length);
    gathered.at += gathered.bytes.write(text, gathered.at, "latin1");
    return gathered.write(handle, request);
  }

  protected override onTaken(): void {
    this.#gathered?.taken();
  }
}
