/**
 * A runtime's handle without a socket: what the proxy writes goes to a function, what it is to read is given by one. It
 * does for a string what the runtime does, which is to make bytes of it.
 */
import net from "node:net";
import type { StreamHandle, WriteRequest } from "../../src/net/stream-handle.ts";
import { setLastRead } from "../../src/net/stream-handle.ts";

const ADDRESS = { address: "127.0.0.1", family: "IPv4", port: 40_000 };
const TEXT_BYTES_MAX = 1 << 20;

/** Bytes up to `length` are the proxy's; they are valid during the call. */
export type OutputSink = (handle: MemoryHandle, bytes: Buffer, length: number) => void;

const text = Buffer.alloc(TEXT_BYTES_MAX);

export class MemoryHandle implements StreamHandle {
  /** The runtime asks for it. */
  readonly isStreamBase = true;
  onread: StreamHandle["onread"] = () => {};
  reading = false;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #onOutput: OutputSink;
  #readBuffer: Buffer = text;

  constructor(onOutput: OutputSink) {
    this.#onOutput = onOutput;
  }

  /** The proxy reads this now. */
  give(bytes: Buffer): void {
    this.#readBuffer.set(bytes);
    setLastRead(bytes.length);
    this.onread(undefined);
  }

  useUserBuffer(buffer: Buffer): void {
    this.#readBuffer = buffer;
  }

  writeLatin1String(_request: WriteRequest, string: string): number {
    return this.#take(text, text.write(string, "latin1"));
  }

  writeBuffer(_request: WriteRequest, bytes: Buffer): number {
    return this.#take(bytes, bytes.length);
  }

  writev(_request: WriteRequest, chunks: readonly Buffer[]): number {
    const bytes = Buffer.concat(chunks);
    return this.#take(bytes, bytes.length);
  }

  readStart(): number {
    return 0;
  }

  readStop(): number {
    return 0;
  }

  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(): number {
    return 0;
  }

  getpeername(out: object): number {
    Object.assign(out, ADDRESS);
    return 0;
  }

  getsockname(out: object): number {
    Object.assign(out, ADDRESS);
    return 0;
  }

  close(onClosed?: () => void): void {
    if (onClosed !== undefined) process.nextTick(onClosed);
  }

  #take(bytes: Buffer, length: number): number {
    this.#onOutput(this, bytes, length);
    return 0;
  }
}

/** From now on whoever connects gets a handle of `onDial`, at once connected. */
export function dialInMemory(onDial: () => MemoryHandle): void {
  net.connect = (): net.Socket => {
    const options: unknown = { handle: onDial(), manualStart: true };
    const socket = new net.Socket(options as net.SocketConstructorOpts);
    process.nextTick(() => socket.emit("connect"));
    return socket;
  };
}
