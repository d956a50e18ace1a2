/**
 * Reads the first bytes of a connection for as long as it is not known what they are, and leaves the
 * socket to whoever comes next: who reads the connection from its first byte on, and hears of its end.
 */
import type { Socket } from "node:net";
import { READ_BUFFER_BYTES } from "../core/limits.ts";
import { takeBuffered } from "./socket-reader.ts";
import { END_OF_INPUT, handleOf, lastRead, type StreamHandle } from "./stream-handle.ts";

const sharedReadBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
const NOTHING = Buffer.alloc(0);

/**
 * Gets everything since the connection's start, which stays valid. `hasEnded`: the peer sends no more.
 * Must not throw.
 */
export type FirstBytesCallback = (bytes: Buffer, hasEnded: boolean) => void;

export class FirstRead {
  readonly #socket: Socket;
  readonly #onBytes: FirstBytesCallback;
  readonly #bySocket: StreamHandle["onread"] | undefined;
  #bytes: Buffer = NOTHING;
  #isStopped = false;

  /** Starts reading; bounded by whoever stops it. The socket's own events tell of errors. */
  constructor(socket: Socket, onBytes: FirstBytesCallback) {
    this.#socket = socket;
    this.#onBytes = onBytes;
    const handle = handleOf(socket);
    if (handle === undefined) return;
    this.#bySocket = handle.onread;
    handle.useUserBuffer(sharedReadBuffer);
    handle.onread = this.#onRead;
    handle.reading = true;
    handle.readStart();
    if (socket.readableLength > 0) process.nextTick(() => this.#takeBuffered());
  }

  /** Forgets the first `count` bytes, which were for somebody else. Returns the rest. */
  skip(count: number): Buffer {
    this.#bytes = this.#bytes.subarray(count);
    return this.#bytes;
  }

  /** Reads no further. Returns what the next reader gets first, undefined when nothing came. */
  stop(): Buffer | undefined {
    this.#isStopped = true;
    const handle = handleOf(this.#socket);
    if (handle !== undefined && this.#bySocket !== undefined) {
      handle.reading = false;
      handle.readStop();
      handle.onread = this.#bySocket;
    }
    const bytes = this.#bytes;
    this.#bytes = NOTHING;
    return bytes.length === 0 ? undefined : bytes;
  }

  readonly #onRead = (raw: ArrayBuffer | undefined): void => {
    const handle = handleOf(this.#socket);
    if (handle === undefined) return;
    const length = lastRead();
    if (length > 0) {
      const more = sharedReadBuffer.subarray(0, length);
      this.#bytes =
        this.#bytes.length === 0 ? Buffer.from(more) : Buffer.concat([this.#bytes, more]);
      this.#tell(false);
    } else if (length === END_OF_INPUT) {
      // The socket is not told: it would close. The kernel says so again to the next reader.
      handle.reading = false;
      handle.readStop();
      this.#tell(true);
    } else {
      this.#bySocket?.call(handle, raw);
    }
  };

  #takeBuffered(): void {
    if (this.#isStopped) return;
    this.#bytes = takeBuffered(this.#socket) ?? NOTHING;
    this.#tell(false);
  }

  #tell(hasEnded: boolean): void {
    if (!this.#isStopped) this.#onBytes(this.#bytes, hasEnded);
  }
}
