/**
 * Reads a socket into one buffer that the whole process shares: a read allocates nothing. The bytes
 * are valid only during the callback.
 */
import net from "node:net";
import { READ_BUFFER_BYTES } from "../core/limits.ts";
import { handleOf, lastRead, type StreamHandle, setLastRead } from "./stream-handle.ts";
import { beginRead, endRead } from "./turn-writer.ts";

/** Whoever the bytes are for: an object instead of a function, because each of a connection's has memory of its own to look at. */
export interface ReadOwner {
  /** Returns false to stop reading until `resume`. Must not throw. */
  onRead(bytes: Buffer, length: number): boolean;
}

/** A handle that a reader has taken over. */
type ReadHandle = StreamHandle & { bytesFor: ReadOwner; reader: SocketReader };

const sharedReadBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

export class SocketReader {
  readonly #socket: net.Socket;
  readonly #owner: ReadOwner;
  readonly #bySocket: StreamHandle["onread"] | undefined;
  /** What the owner has left for another turn, and what came behind it: TLS tells the records of one read one by one. */
  #rest: Buffer | undefined;
  /** The end or the error that came behind the rest, as the runtime's number, or 0. */
  #endOfRest = 0;

  /**
   * Takes reading over from the runtime, for good, and starts it. `firstBytes`, which stay valid, come
   * first, or what the socket has read already. Its events tell the end and errors as before.
   */
  constructor(socket: net.Socket, owner: ReadOwner, firstBytes?: Buffer) {
    this.#socket = socket;
    this.#owner = owner;
    const handle = handleOf(socket) as ReadHandle | undefined;
    if (handle === undefined) return;
    this.#bySocket = handle.onread;
    handle.useUserBuffer(sharedReadBuffer);
    handle.bytesFor = owner;
    handle.reader = this;
    handle.onread = giveToOwner;
    startReading(handle);
    if (firstBytes === undefined && socket.readableLength === 0) return;
    process.nextTick(() => {
      if (socket.destroyed) return;
      const early = firstBytes ?? takeBuffered(socket);
      if (early !== undefined && !owner.onRead(early, early.length)) this.pause();
    });
  }

  pause(): void {
    const handle = handleOf(this.#socket);
    if (handle !== undefined) stopReading(handle);
  }

  /**
   * Gives bytes of a read again, in another turn of the event loop and with nothing else read before: for a reader
   * that has had enough of one connection's for now. Not for one that also pauses.
   */
  giveLater(bytes: Buffer, start: number, end: number): void {
    const handle = handleOf(this.#socket);
    if (handle !== undefined) {
      stopReading(handle);
      handle.onread = keepForReader;
    }
    const rest = bytes.subarray(start, end);
    this.#rest = bytes === sharedReadBuffer ? Buffer.from(rest) : rest;
    setImmediate(this.#giveRest);
  }

  /** For the handle: what was read behind the rest. */
  keep(length: number): void {
    const rest = this.#rest!;
    if (length > 0) this.#rest = Buffer.concat([rest, sharedReadBuffer.subarray(0, length)]);
    else this.#endOfRest = length;
  }

  /** For the handle: an end or an error is the socket's. */
  giveToSocket(bytes: ArrayBuffer | undefined): void {
    const handle = handleOf(this.#socket);
    if (handle !== undefined) this.#bySocket?.call(handle, bytes);
  }

  readonly #giveRest = (): void => {
    const rest = this.#rest!;
    this.#rest = undefined;
    const handle = handleOf(this.#socket);
    if (handle === undefined) return;
    handle.onread = giveToOwner;
    this.#owner.onRead(rest, rest.length);
    if (this.#rest !== undefined || handleOf(this.#socket) === undefined) return;
    if (this.#endOfRest === 0) {
      startReading(handle);
      return;
    }
    setLastRead(this.#endOfRest);
    this.giveToSocket(undefined);
  };

  resume(): void {
    const handle = handleOf(this.#socket);
    if (handle !== undefined) startReading(handle);
  }
}

/** One function for all handles, as the next one: they stay in the caches. The runtime puts another in their place when it closes a socket. */
function giveToOwner(this: StreamHandle, bytes: ArrayBuffer | undefined): void {
  const handle = this as ReadHandle;
  const length = lastRead();
  if (length <= 0) {
    handle.reader.giveToSocket(bytes);
    return;
  }
  beginRead();
  if (!handle.bytesFor.onRead(sharedReadBuffer, length)) stopReading(handle);
  endRead();
}

function keepForReader(this: StreamHandle): void {
  (this as ReadHandle).reader.keep(lastRead());
}

function stopReading(handle: StreamHandle): void {
  handle.reading = false;
  handle.readStop();
}

function startReading(handle: StreamHandle): void {
  handle.reading = true;
  handle.readStart();
}

/**
 * Everything that the socket has read by itself, or undefined: a TLS socket begins to with the end of its
 * handshake. An end that came behind it is told in the tick after.
 */
export function takeBuffered(socket: net.Socket): Buffer | undefined {
  if (socket.readableLength === 0) return undefined;
  const parts: Buffer[] = [];
  // Each call returns one piece of what is buffered, and nothing once the socket is destroyed.
  while (socket.readableLength > 0) {
    const part = socket.read() as Buffer | null;
    if (part === null) break;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : Buffer.concat(parts);
}

/** A connected socket for a handle that a listener accepted. Nothing is read yet. */
export function adoptHandle(handle: object): net.Socket {
  return new net.Socket({
    handle,
    allowHalfOpen: true,
    manualStart: true,
  } as net.SocketConstructorOpts);
}
