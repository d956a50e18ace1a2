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
  socket.on("data", (bytes: Buffer) => {
    if (!onRead(bytes, bytes.length)) socket.pause();
  });
}
