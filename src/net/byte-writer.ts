/** Gathers bytes for a socket that its owner writes in place, as frames of HTTP/2 are. */
import { LARGE_BUFFER_BYTES } from "../core/buffer-pool.ts";
import { GatheredBytes } from "./gathered-bytes.ts";
import type { StreamHandle, WriteRequest } from "./stream-handle.ts";
import { TurnWriter } from "./turn-writer.ts";

export class ByteWriter extends TurnWriter {
  readonly #gathered = new GatheredBytes();

  /** The memory that is filled now. It may be another after `reserve`, and after every turn. */
  get bytes(): Buffer {
    return this.#gathered.bytes;
  }

  /** The first free byte in `bytes`. */
  get at(): number {
    return this.#gathered.at;
  }

  /** Makes room for so many bytes from `at` on. */
  reserve(bytes: number): void {
    this.#gathered.reserve(bytes, LARGE_BUFFER_BYTES);
  }

  /** The bytes up to `at` are to be sent. */
  commit(at: number): void {
    const added = at - this.#gathered.at;
    this.#gathered.at = at;
    this.onGathered(added);
  }

  protected override write(handle: StreamHandle, request: WriteRequest): number {
    return this.#gathered.write(handle, request);
  }

  protected override onTaken(): void {
    this.#gathered.taken();
  }
}
