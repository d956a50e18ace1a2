/**
 * Gathers what one turn of the event loop produces for a socket and writes it at once. Heads and
 * small bodies are one Latin-1 string, which the runtime hands to the kernel without a copy of ours;
 * larger bodies are copied behind the gathered text, because read buffers are shared.
 */
import type { Socket } from "node:net";
import { latin1 } from "../core/bytes.ts";
import { SMALL_BODY_BYTES_MAX } from "../core/limits.ts";
import { giveWriteBuffer, takeWriteBuffer } from "./write-buffers.ts";

/** Text gathered beyond this leaves at once. */
const TEXT_LENGTH_MAX = 64 * 1024;

export class SocketWriter {
  readonly #socket: Socket;
  #text = "";
  /** The kernel's buffer is full: wait for the socket's `drain`. */
  isBlocked = false;
  /** Bytes given to this writer so far, those not yet flushed included. */
  bytesWritten = 0;
  /** Buffers that the runtime has not taken yet, in the order in which it will. */
  readonly #pending: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Latin-1 text only. */
  text(text: string): void {
    this.#text += text;
    this.bytesWritten += text.length;
    if (this.#text.length > TEXT_LENGTH_MAX) this.flush();
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
    const size = head.length + length + after.length;
    const whole = takeWriteBuffer(size);
    whole.write(head, 0, "latin1");
    bytes.copy(whole, head.length, start, end);
    whole.write(after, head.length + length, "latin1");
    this.bytesWritten += before.length + length + after.length;
    this.#pending.push(whole);
    if (!this.#socket.write(whole.subarray(0, size), this.#onTaken)) this.isBlocked = true;
  }

  flush(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    if (!this.#socket.write(text, "latin1")) this.isBlocked = true;
  }

  readonly #onTaken = (error?: Error | null): void => {
    const buffer = this.#pending.shift();
    // Behind a failure it is not sure who still looks at it.
    if (buffer !== undefined && !error) giveWriteBuffer(buffer);
  };
}
