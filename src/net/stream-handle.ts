/**
 * The runtime's handles below its sockets. Writing through them skips the stream layer, whose buffers,
 * callbacks and ticks cost more than a small write itself (docs/decisions/004-sockets-below-the-public-api.md).
 */
import type { Socket } from "node:net";

/** Carries a write that is not done at once. */
export interface WriteRequest {
  /** `status` is 0 or libuv's error number. */
  oncomplete: (status: number) => void;
}

/** Each call returns 0 or libuv's error number, which is negative. What it was given may not change before it completes. */
export interface StreamHandle {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, chunks: readonly Buffer[], areBuffers: true): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call on any handle left behind. */
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding();

export function newWriteRequest(onComplete: (status: number) => void): WriteRequest {
  const request = new WriteWrap();
  request.oncomplete = onComplete;
  return request;
}

/** Whether the last write on any handle has still to call `oncomplete`. If not, its request is free. */
export function wasWriteAsync(): boolean {
  return streamBaseState[kLastWriteWasAsync] !== 0;
}

/** Undefined once the socket is destroyed. */
export function handleOf(socket: Socket): StreamHandle | undefined {
  return (socket as unknown as { readonly _handle: StreamHandle | null })._handle ?? undefined;
}

function streamBinding(): StreamBinding {
  const { binding } = process as unknown as { binding(name: string): StreamBinding };
  const found = binding("stream_wrap");
  if (typeof found.WriteWrap !== "function" || typeof found.kLastWriteWasAsync !== "number") {
    throw new Error(`this runtime (${process.version}) has other stream handles than Tulle knows`);
  }
  return found;
}
