/**
 * Gathers the bytes that one turn of the event loop produces for a socket, written in place by its owner,
 * and hands them to the socket's handle when the turn is over. One write is under way at a time (a TLS
 * handle takes no second one). An idle connection holds no memory for it.
 */
import type { Socket } from "node:net";
import {
  giveBuffer,
  LARGE_BUFFER_BYTES,
  SMALL_BUFFER_BYTES,
  takeBuffer,
} from "../core/buffer-pool.ts";
import { systemError } from "./node-error.ts";
import { handleOf, newWriteRequest, type WriteRequest, wasWriteAsync } from "./stream-handle.ts";
import { flushAtTurnEnd } from "./turn-end.ts";

/** Gathered bytes beyond this leave at once; while the system does not take them, the writer is blocked. */
const GATHERED_BYTES_MAX = 64 * 1024;

const NO_BYTES = Buffer.alloc(0);

export class ByteWriter {
  readonly #socket: Socket;
  readonly #onDrain: () => void;
  /** What is filled now, and what was filled before it in this turn. */
  bytes: Buffer<ArrayBuffer> = NO_BYTES;
  at = 0;
  #full: Buffer<ArrayBuffer>[] = [];
  #underWay: Buffer<ArrayBuffer>[] = [];
  #bytesUnderWay = 0;
  #bytesGathered = 0;
  #request: WriteRequest | undefined;
  #onEnded: (() => void) | undefined;
  #isDue = false;
  /** The last turn fitted into a small buffer: so may this one. */
  #isQuiet = true;
  /** Too much waits: nothing that can wait is to be given until `onDrain`. */
  isBlocked = false;
  /** Bytes committed so far. */
  bytesWritten = 0;

  /** `onDrain` must not throw. */
  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
  }

  /** The system has taken what earlier turns gave. */
  get isFlushed(): boolean {
    return this.#bytesUnderWay === 0;
  }

  /** Bytes that the system, or TLS, has not taken. */
  get unsentBytes(): number {
    return this.#bytesGathered + this.#bytesUnderWay;
  }

  reserve(bytes: number): void {
    if (this.bytes.length - this.at >= bytes) return;
    if (this.at > 0) this.#full.push(this.bytes.subarray(0, this.at));
    else if (this.bytes.length > 0) giveBuffer(this.bytes);
    const isSmall = bytes <= SMALL_BUFFER_BYTES && this.#isQuiet && this.#full.length === 0;
    this.bytes = takeBuffer(Math.max(bytes, isSmall ? SMALL_BUFFER_BYTES : LARGE_BUFFER_BYTES));
    this.at = 0;
  }

  commit(at: number): void {
    const added = at - this.at;
    this.at = at;
    this.bytesWritten += added;
    this.#bytesGathered += added;
    if (!this.#isDue) {
      this.#isDue = true;
      flushAtTurnEnd(this);
    }
    if (this.#bytesGathered < GATHERED_BYTES_MAX) return;
    this.flush();
    this.isBlocked = this.#bytesGathered >= GATHERED_BYTES_MAX;
  }

  /** Happens by itself at the end of the turn. */
  flush(): void {
    this.#isDue = false;
    if (this.#bytesGathered === 0 || this.#bytesUnderWay > 0) return;
    const handle = handleOf(this.#socket);
    // The owner hears of the end from the socket.
    if (handle === undefined) return;
    const pieces = this.#full;
    pieces.push(this.bytes.subarray(0, this.at));
    this.#full = this.#underWay;
    this.#underWay = pieces;
    this.bytes = NO_BYTES;
    this.at = 0;
    this.#bytesUnderWay = this.#bytesGathered;
    this.#isQuiet = this.#bytesGathered <= SMALL_BUFFER_BYTES;
    this.#bytesGathered = 0;
    this.#request ??= newWriteRequest(this.#onWritten);
    const request = this.#request;
    const [first] = pieces;
    const error =
      first !== undefined && pieces.length === 1
        ? handle.writeBuffer(request, first)
        : handle.writev(request, pieces, true);
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
    for (const piece of this.#underWay) giveBuffer(piece);
    this.#underWay.length = 0;
  }

  /** Behind a failure it is not sure who still looks at the buffers: they are forgotten. */
  #fail(status: number): void {
    this.#socket.destroy(systemError(status));
  }
}
