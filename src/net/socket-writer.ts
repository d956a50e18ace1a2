/**
 * Gathers what one turn of the event loop produces for a socket and writes it when the turn is over,
 * through the socket's handle: the fewest system calls, and peers wake up to several messages. Heads
 * and small bodies are one Latin-1 string, which the runtime hands to the kernel without a copy of
 * ours; larger bodies are copied behind it, because read buffers are shared. One write is under way
 * at a time (a TLS handle takes no second one); the rest waits here.
 */
import type { Socket } from "node:net";
import { giveBuffer, takeBuffer } from "../core/buffer-pool.ts";
import { latin1 } from "../core/bytes.ts";
import { SMALL_BODY_BYTES_MAX } from "../core/limits.ts";
import { systemError } from "./node-error.ts";
import {
  handleOf,
  newWriteRequest,
  type StreamHandle,
  type WriteRequest,
  wasWriteAsync,
} from "./stream-handle.ts";
import { flushAtTurnEnd } from "./turn-end.ts";

/** Gathered text or bytes beyond this leave at once. */
const GATHERED_BYTES_MAX = 64 * 1024;

export class SocketWriter {
  readonly #socket: Socket;
  readonly #onDrain: () => void;
  /** What goes out next, `#text` behind `#buffers`. */
  #buffers: Buffer<ArrayBuffer>[] = [];
  #text = "";
  /** Used again until a write is not done at once: from then on it belongs to that write. */
  #request: WriteRequest | undefined;
  /** Buffers of the write under way. */
  #buffersUnderWay: Buffer<ArrayBuffer>[] = [];
  #bytesUnderWay = 0;
  #onEnded: (() => void) | undefined;
  /** Too much waits: give no more until `onDrain`. */
  isBlocked = false;
  /** Bytes given to this writer so far, those not yet flushed included. */
  bytesWritten = 0;
  #bytesGathered = 0;
  #isDue = false;

  /** `onDrain` must not throw. */
  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
  }

  /** Bytes that have not been taken by the kernel, or by TLS. */
  get unsentBytes(): number {
    return this.#bytesGathered + this.#bytesUnderWay;
  }

  /** Bytes that no write has begun with: it is certain that they have not left. */
  get gatheredBytes(): number {
    return this.#bytesGathered;
  }

  /** Latin-1 text only. */
  text(text: string): void {
    this.#text += text;
    this.#onGathered(text.length);
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
    const whole = takeBuffer(head.length + length + after.length);
    whole.write(head, 0, "latin1");
    bytes.copy(whole, head.length, start, end);
    whole.write(after, head.length + length, "latin1");
    this.#buffers.push(whole);
    this.#onGathered(before.length + length + after.length);
  }

  /** Happens by itself at the end of the turn. */
  flush(): void {
    this.#isDue = false;
    if (this.#bytesGathered === 0 || this.#bytesUnderWay > 0) return;
    const handle = handleOf(this.#socket);
    // The owner hears of the end from the socket.
    if (handle === undefined) return;
    this.#request ??= newWriteRequest(this.#onWritten);
    const request = this.#request;
    this.#bytesUnderWay = this.#bytesGathered;
    this.#bytesGathered = 0;
    const error =
      this.#buffers.length === 0
        ? this.#writeText(handle, request)
        : this.#writeBuffers(handle, request);
    if (error !== 0) this.#fail(error);
    else if (wasWriteAsync()) this.#request = undefined;
    else this.#onTaken();
  }

  /** Sends the connection's end behind all that was given; `onEnded` comes when it has left. */
  end(onEnded: () => void): void {
    this.#onEnded = onEnded;
    this.flush();
    if (this.unsentBytes === 0) this.#socket.end(onEnded);
  }

  #onGathered(bytes: number): void {
    this.bytesWritten += bytes;
    this.#bytesGathered += bytes;
    if (!this.#isDue) {
      this.#isDue = true;
      flushAtTurnEnd(this);
    }
    if (this.#bytesGathered < GATHERED_BYTES_MAX) return;
    this.flush();
    this.isBlocked = this.#bytesGathered >= GATHERED_BYTES_MAX;
  }

  #writeText(handle: StreamHandle, request: WriteRequest): number {
    const text = this.#text;
    this.#text = "";
    return handle.writeLatin1String(request, text);
  }

  #writeBuffers(handle: StreamHandle, request: WriteRequest): number {
    if (this.#text !== "") {
      const rest = takeBuffer(this.#text.length);
      rest.write(this.#text, "latin1");
      this.#text = "";
      this.#buffers.push(rest);
    }
    const buffers = this.#buffers;
    this.#buffers = this.#buffersUnderWay;
    this.#buffersUnderWay = buffers;
    const [first] = buffers;
    return first !== undefined && buffers.length === 1
      ? handle.writeBuffer(request, first)
      : handle.writev(request, buffers, true);
  }

  readonly #onWritten = (status: number): void => {
    if (status !== 0) {
      this.#fail(status);
      return;
    }
    this.#onTaken();
    this.flush();
    if (this.isBlocked && this.#bytesGathered === 0) {
      this.isBlocked = false;
      this.#onDrain();
    }
    if (this.#onEnded !== undefined && this.unsentBytes === 0) this.#socket.end(this.#onEnded);
  };

  #onTaken(): void {
    this.#bytesUnderWay = 0;
    const buffers = this.#buffersUnderWay;
    if (buffers.length === 0) return;
    for (const buffer of buffers) giveBuffer(buffer);
    buffers.length = 0;
  }

  /** Behind a failure it is not sure who still looks at the buffers: they are forgotten. */
  #fail(status: number): void {
    this.#socket.destroy(systemError(status));
  }
}
