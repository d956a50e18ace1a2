/**
 * Sockets that read into one buffer shared by the whole process: a read allocates nothing. The bytes
 * are valid only during the callback. Sockets are made from the listener's raw handles, because the
 * runtime offers `onread` for outgoing sockets only.
 */
import net from "node:net";
import type { TLSSocket } from "node:tls";
import { READ_BUFFER_BYTES } from "../core/limits.ts";

/** Returns false to stop reading until `socket.resume()`. */
export type ReadCallback = (bytes: Buffer, length: number) => boolean;

const sharedReadBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

interface OnRead {
  readonly buffer: Buffer;
  readonly callback: (length: number, bytes: Uint8Array) => boolean;
}

export function sharedRead(onRead: ReadCallback): OnRead {
  return {
    buffer: sharedReadBuffer,
    callback: (length) => onRead(sharedReadBuffer, length),
  };
}

/** A connected socket for a handle that a listener accepted. Reading starts at once. */
export function adoptHandle(handle: object, onRead: ReadCallback): net.Socket {
  return new net.Socket({
    handle,
    allowHalfOpen: true,
    onread: sharedRead(onRead),
  } as net.SocketConstructorOpts);
}

/** For a server's TLS socket, which the runtime makes itself. Reading starts at once. */
export function readShared(socket: TLSSocket, onRead: ReadCallback): void {
  if (useSharedBuffer(socket, onRead)) {
    socket.resume();
    return;
  }
  socket.on("data", (bytes: Buffer) => {
    if (!onRead(bytes, bytes.length)) socket.pause();
  });
}

/** What `onread` sets on a socket while it is made. The runtime keeps these under symbols of its own. */
interface ReadSlots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

interface ReadingHandle {
  useUserBuffer?(buffer: Buffer): void;
}

const slots = findSlots();

/**
 * Does for a finished TLS socket what `onread` would have done: without it each record that is read
 * costs a new buffer of 64 KiB. Returns false on a runtime whose sockets look different.
 */
function useSharedBuffer(socket: TLSSocket, onRead: ReadCallback): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle?: ReadingHandle | null };
  // Bytes that were read already would be overtaken by later ones.
  const isFresh = socket.readableLength === 0;
  if (slots === undefined || !isFresh || handle?.useUserBuffer === undefined) return false;
  const { buffer, callback } = sharedRead(onRead);
  Object.assign(socket, { [slots.buffer]: buffer, [slots.callback]: callback });
  handle.useUserBuffer(buffer);
  return true;
}

function findSlots(): ReadSlots | undefined {
  const probe = new net.Socket({ onread: sharedRead(() => true) } as net.SocketConstructorOpts);
  const symbols = Object.getOwnPropertySymbols(probe);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  const isAsExpected =
    buffer !== undefined &&
    callback !== undefined &&
    Reflect.get(probe, buffer) === sharedReadBuffer &&
    typeof Reflect.get(probe, callback) === "function";
  return isAsExpected ? { buffer, callback } : undefined;
}
